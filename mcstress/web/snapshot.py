"""What there is to see now: computed only when somebody asks, and at most so often."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from mcstress.lifecycle import Lifecycle, Stage
from mcstress.master.completeness import completeness_so_far
from mcstress.master.finalize import judge, results_of
from mcstress.master.run_info import describe
from mcstress.master.run_state import RunState
from mcstress.metrics.checks import overall

LEAST_S, MOST_S = 1.0, 10.0
SHARE = 1 / 200
"""Of the process's time, what all onlookers together may cost: on a local runner it is also the
time that requests under way wait for."""


class Snapshot(msgspec.Struct, frozen=True):
    """``document`` is the head of a report, of the run that is on or else of the last one.

    ``number`` counts up: what was made of one can be kept until the next.
    """

    number: int
    stage: Stage
    document: dict[str, Any]


class Snapshots:
    """Takes them; between two of a run there are at least LEAST_S, and what SHARE asks for."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle
        self._last = Snapshot(0, "ready", {})
        self._of: object = None
        self._next_s = 0.0

    def newest(self) -> Snapshot:
        """The last snapshot where it is fresh enough, else a new one."""
        run, stage = self._current(), self._lifecycle.stage
        of = (stage, run.run.uid if run else len(self._lifecycle.finished.runs))
        if of != self._of or (run is not None and time.monotonic() >= self._next_s):
            self._of = of
            self._last = Snapshot(self._last.number + 1, stage, self._document(run))
        return self._last

    def _current(self) -> RunState | None:
        conductor = self._lifecycle.conductor
        return conductor.current if conductor else None

    def _document(self, run: RunState | None) -> dict[str, Any]:
        if run is None:
            return self._lifecycle.finished.head
        began_s = time.thread_time()
        document = document_so_far(run)
        cost_s = time.thread_time() - began_s
        self._next_s = time.monotonic() + min(max(cost_s / SHARE, LEAST_S), MOST_S)
        return document


def document_so_far(run: RunState) -> dict[str, Any]:
    """A report's head while the run goes on, without its scenario; it judges what is there."""
    results = results_of(run, run.figures)
    counted = completeness_so_far(run, results["metrics"]["events"]["total"])
    checks = judge(run, results, complete=counted["complete"])
    return {
        "run": msgspec.to_builtins(describe(run)),
        "verdict": overall(checks),
        "checks": msgspec.to_builtins(checks),
        **results,
        "completeness": counted,
    }
