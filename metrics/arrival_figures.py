"""What became of all that a schedule or the clock offered, as figures that a check may name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from mcstress.metrics.metric import COUNT, Metric, MetricName, ResultContext
from mcstress.metrics.phase import PHASES

MEANINGS = {
    "offered": "arrivals that the schedule had until the end",
    "begun": "arrivals that became events",
    "missed": "arrivals that nobody took within --max-wait; lower is better",
    "cut": "arrivals that waited when the run ended",
    "unknown": "arrivals of lost workers that did not say what became of them",
}


class ArrivalFigures(Metric):
    """Of the run as a whole: ``WholeRun.arrivals``. Without a schedule there are none."""

    key = section = "arrivals"
    may_be_absent = True

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """What was offered, and the fates."""
        for leaf, meaning in MEANINGS.items():
            yield MetricName(f"arrivals.{leaf}", meaning, COUNT, tuple(PHASES), "arrivals.offered")

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The section; empty where nothing was offered by a schedule."""
        totals = None if context.whole is None else context.whole.arrivals
        return {} if totals is None else msgspec.to_builtins(totals)


MEANINGS_BY_CLOCK = {
    "offered": "appointments that the clock had until the end",
    "done": "appointments whose last event ended",
    "missed": "appointments that waited longer than --max-wait; lower is better",
    "skipped": "appointments whose baseline was not there",
    "cut": "appointments that the end of the run cut",
    "unknown": "appointments of lost workers that did not say what became of them",
}


class AppointmentFigures(Metric):
    """Of the run as a whole: ``WholeRun.appointments``. Without a clock there are none."""

    key = section = "appointments"
    may_be_absent = True

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """What was offered, and the fates."""
        samples, phases = "appointments.offered", tuple(PHASES)
        for leaf, meaning in MEANINGS_BY_CLOCK.items():
            yield MetricName(f"appointments.{leaf}", meaning, COUNT, phases, samples)

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The section; empty where there was no clock."""
        totals = None if context.whole is None else context.whole.appointments
        return {} if totals is None else msgspec.to_builtins(totals)
