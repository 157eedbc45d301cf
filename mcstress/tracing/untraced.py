"""What stands in a sink's place on a worker that cannot send there: its steps are counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcstress.metrics.event import Event
from mcstress.services.step import Step
from mcstress.tracing.delivery_counts import TraceCounts
from mcstress.tracing.observation import Score
from mcstress.tracing.sink import Where

COULD_NOT = "worker could not trace"


class Untraced:
    """A TraceSink that sends nothing. ``fault``: why, though the run is traced."""

    answered = False
    project_url = None

    def __init__(self, where: Where, fault: str) -> None:
        self.where = where
        self.fault = fault
        self._steps = 0

    def record(self, _event: Event, steps: Sequence[Step[Any]]) -> None:
        """Count the steps."""
        self._steps += len(steps)

    def add_scores(self, scores: Sequence[Score]) -> None:
        """Nothing: there is no observation that they would be of."""

    def score(self, name: str, value: bool | float | str) -> None:
        """Nothing: the master puts scores on the session."""

    def counts(self) -> TraceCounts:
        """All that was made is lost."""
        counts = TraceCounts(made=self._steps)
        counts.drop(COULD_NOT, self._steps)
        return counts

    def begin_to_finish(self, _deadline_s: float) -> None:
        """Nothing is left to do."""

    def finish(self, _deadline_s: float) -> TraceCounts:
        """Nothing is left to do."""
        return self.counts()

    def read_back(self, _expected: int, _within_s: float) -> int | None:
        """Nothing was sent."""
        return None
