"""What there is to see now: computed only when somebody asks, and at most so often."""

from __future__ import annotations

import time

import msgspec

from mcstress.evidence.run_document import RunDocument
from mcstress.lifecycle import Lifecycle, Stage
from mcstress.master.completeness import completeness_so_far
from mcstress.master.finalize import document_of_run
from mcstress.master.run_state import RunState

LEAST_S, MOST_S = 1.0, 10.0
SHARE = 1 / 200
"""Of the process's time, what all onlookers together may cost: on a local runner it is also the
time that requests under way wait for."""


class Snapshot(msgspec.Struct, frozen=True):
    """``document`` is of the run that is on or else of the last one; None before the first.

    ``number`` counts up: what was made of one can be kept until the next.
    """

    number: int
    stage: Stage
    document: RunDocument | None


class Snapshots:
    """Takes them; between two of a run there are at least LEAST_S, and what SHARE asks for."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle
        self._last = Snapshot(0, "ready", None)
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
        controller = self._lifecycle.controller
        return controller.current if controller else None

    def _document(self, run: RunState | None) -> RunDocument | None:
        if run is None:
            return self._lifecycle.finished.document
        began_s = time.thread_time()
        document = document_so_far(run)
        cost_s = time.thread_time() - began_s
        self._next_s = time.monotonic() + min(max(cost_s / SHARE, LEAST_S), MOST_S)
        return document


def document_so_far(run: RunState) -> RunDocument:
    """A run's document while it goes on; it judges what is there."""
    figures = run.figures
    return document_of_run(
        run, figures, completeness_so_far(run, figures.events, figures.scheduled)
    )
