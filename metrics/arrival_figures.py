"""What became of all that a schedule or the clock offered, as figures that a check may name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from mcstress.metrics.metric import COUNT, Metric, MetricName, ResultContext
from mcstress.metrics.phase import PHASES


class _OfTheWholeRun(Metric):
    """The totals in the field of ``WholeRun`` that is called as the section; ``meanings`` by leaf.

    Absent where the run has none.
    """

    may_be_absent = True
    meanings: ClassVar[Mapping[str, str]]

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """What was offered, and what became of it."""
        samples, phases = f"{cls.section}.offered", tuple(PHASES)
        for leaf, meaning in cls.meanings.items():
            yield MetricName(f"{cls.section}.{leaf}", meaning, COUNT, phases, samples)

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The section; empty where the run has no such totals."""
        totals = None if context.whole is None else getattr(context.whole, self.section)
        return {} if totals is None else msgspec.to_builtins(totals)


class ArrivalFigures(_OfTheWholeRun):
    """Of a run with a schedule."""

    key = section = "arrivals"
    meanings: ClassVar[Mapping[str, str]] = {
        "offered": "arrivals that the schedule had until the end",
        "begun": "arrivals that became events",
        "missed": "arrivals that nobody took within --max-wait; lower is better",
        "cut": "arrivals that waited when the run ended",
        "unknown": "arrivals of lost workers that did not say what became of them",
    }


class AppointmentFigures(_OfTheWholeRun):
    """Of a run by the clock."""

    key = section = "appointments"
    meanings: ClassVar[Mapping[str, str]] = {
        "offered": "appointments that the clock had until the end",
        "done": "appointments whose last event ended",
        "missed": "appointments that waited longer than --max-wait; lower is better",
        "skipped": "appointments whose baseline was not there",
        "cut": "appointments that the end of the run cut",
        "unknown": "appointments of lost workers that did not say what became of them",
    }
