"""Exit codes, the same of ``locust`` and ``mcstress`` (docs/options.md)."""

from __future__ import annotations

EXIT_CODES = {"pass": 0, "fail": 3, "unknown": 4}
"""By verdict."""

EXIT_USAGE = 2
EXIT_REGRESSION = 5
COMPARED = {"none": 0, "unknown": EXIT_CODES["unknown"], "regression": EXIT_REGRESSION}
"""By the outcome of ``mcstress compare --fail-on-regression``."""

SIGNALLED = 128
"""And the signal's number: one that came before a run, or gave its report up."""
