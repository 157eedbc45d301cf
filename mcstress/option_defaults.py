"""What options are where nobody sets them, for those who need no Locust to know it."""

from __future__ import annotations

from typing import get_args

from mcstress.evidence.report.writers import Assets

DEFAULT_REPORT_DIR = "reports/reality-tests"
DEFAULT_SCENARIO = "three_cities"
REFERENCE_S = 15.0
"""A band of the load curve needs ten seconds of its own."""
MAX_WAIT_S = 10.0
USUAL_MODEL, USUAL_LLM_TIMEOUT_S = "qwen2.5", 120.0
"""The model and its time-out where the options are not given; a target's file may say others."""
EMBEDDED = "embedded"
"""``--llm-host embedded``: the built-in rules, where a target is named too."""
ASSETS: tuple[Assets, ...] = get_args(Assets)
DEFAULT_LANGFUSE_ENV = "/etc/lakehouse/langfuse.env"
