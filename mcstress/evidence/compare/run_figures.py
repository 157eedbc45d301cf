"""What one run has to be compared by: its report's own figures, and its questions' own values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcstress.evidence.store.history import RunFile, blaming, events_as_made
from mcstress.metrics.figures import Figures
from mcstress.metrics.names import find

Means = Mapping[str, float]

SEARCH_P95 = "latency.matrix_search.p95_ms"
STEPS_PER_S = "steps_per_s"
"""No figure of the report, which has the pace by band only: all steps by the run's seconds."""

DONE_SHARE = "arrivals.begun / arrivals.offered"
"""No figure of the report, which has the two."""
CAPACITY = ("capacity.events_per_s", "capacity.requests_per_s")


class RunFigures:
    """The figures of ``run``; ``is_exact`` where they are of all its events.

    The head holds exact figures whatever evidence was kept. A run that was cut off has none
    there: they are counted from its events.
    """

    def __init__(self, run: RunFile) -> None:
        self.run = run
        self.is_sampled = not run.document.run.keeps_all
        with blaming(run):
            counted = _counted(run)
            self.questions = counted.per_question()
            in_head = "metrics" in run.head
            self._results: Mapping[str, Any] = run.head if in_head else counted.over_all_bands()
        self.is_exact = in_head or not self.is_sampled

    def value(self, name: str) -> float | None:
        """The run's own figure."""
        if name == STEPS_PER_S:
            return self._steps_per_s()
        if name == DONE_SHARE:
            begun, offered = self.value("arrivals.begun"), self.value("arrivals.offered")
            return begun / offered if begun is not None and offered else None
        found: float | None = find(self._results, name)
        return found

    def steps(self) -> list[str]:
        """The names of the steps that have latencies."""
        return [*self.run.document.speed.steps]

    def of_schedule(self) -> list[str]:
        """The paths of response and lateness, where a schedule said when events begin."""
        speed = self.run.document.speed
        waits = [f"latency.lateness.{part}" for part in speed.lateness]
        return [*(f"latency.response.{phase}" for phase in speed.responses), *waits]

    def means(self, name: str) -> Means:
        """The mean of each question."""
        return {
            question: total / number
            for question, (total, number) in self.questions.get(name, {}).items()
        }

    def _steps_per_s(self) -> float | None:
        section = self.run.document.run
        if section.started is None or section.ended is None:
            return None
        seconds = (section.ended - section.started).total_seconds()
        steps = self.value("errors.steps")
        return steps / seconds if steps and seconds > 0 else None


def _counted(run: RunFile) -> Figures:
    cells = sum(len(contract.demands) for contract in run.document.asked.contracts)
    figures = Figures(run.document.run.k, cells=cells or None)
    events = events_as_made(run)
    if not run.document.run.keeps_all:
        # Older events have no question: it is made by counting them, and of a sample some lack.
        events = (event for event in events if event.question)
    figures.add_all(events)
    return figures
