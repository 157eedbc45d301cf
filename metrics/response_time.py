"""Response: what somebody outside waits, from an event's intended time to its end; and lateness.

Only where a schedule said when events begin; else these figures are absent. An arrival that was
missed or cut, and an event that was cut, count as slower than all that ended: a percentile among
them is not known, and at least what it would be if each had ended when it was given up
(right-censored; ``at_least_ms`` has that). An arrival that never began is of no phase yet: those of
a phase are estimated by its share of what began; together they are as many as never began.

Lateness, before the begin: ``generator`` while a user was idle, ``queue`` while all of the process
were busy. ``own_cap`` is the wait for an LLM slot, of which there are as many as ``--llm-parallel``
says: it is of our making, too, and lies within the event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mcstress.metrics.appointments import AppointmentRows, responses
from mcstress.metrics.arrivals import UnservedRow
from mcstress.metrics.event import Event
from mcstress.metrics.histogram import BucketCounts, Histogram, Histograms, censored_summary
from mcstress.metrics.latency import percentile_names
from mcstress.metrics.metric import Metric, MetricName, ResultContext
from mcstress.metrics.phase import PHASES

ALL = "all"
PARTS = {
    "generator": "wait of events for the load generator, a user being idle",
    "queue": "wait of events while all users of their process were busy",
    "own_cap": "wait of events for an LLM slot (--llm-parallel)",
}


class Response(Metric):
    """``ended`` by phase, of events that ended; ``cut`` of those that did not; ``late`` by part.

    ``SecondBucket`` feeds it, a second's worth at once.
    """

    key = "response"
    section = "latency"

    def __init__(self) -> None:
        self.ended = Histograms()
        self.cut = Histograms()
        self.late = Histograms()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The percentiles of all, of each phase, and of each part of the lateness."""
        since = "response time, from the intended time to the end, of"
        yield from percentile_names(f"latency.response.{ALL}", f"{since} all events", tuple(PHASES))
        for phase in PHASES:
            path = f"latency.response.{phase}"
            yield from percentile_names(path, f"{since} {phase} events", (phase,))
        for part, meaning in PARTS.items():
            yield from percentile_names(f"latency.lateness.{part}", meaning, tuple(PHASES))

    @property
    def events(self) -> int:
        """How many events of a schedule there were."""
        return self.late["queue"].count if "queue" in self.late else 0

    def begun(self, phase: str) -> int:
        """How many events of a phase began by a schedule."""
        parts = (self.ended.get(phase), self.cut.get(phase))
        return sum(histogram.count for histogram in parts if histogram is not None)

    def summaries(
        self, unserved: Sequence[UnservedRow] = (), appointments: AppointmentRows = ()
    ) -> dict[str, Any]:
        """``response`` by phase and ``lateness`` by part; empty where there was no schedule."""
        if appointments:
            found = responses(appointments)
            return {**found, "lateness": {**self.late.summaries(), **found["lateness"]}}
        if not self.events and not unserved:
            return {}
        never = Histogram()
        never.record_times(*_columns((float(ms), number) for *_, ms, number in unserved))
        found = {ALL: _joined(self.ended, self.cut, never)}
        given_up = {phase: Histogram() for phase in sorted({*self.ended, *self.cut})}
        begun = {phase: self.begun(phase) for phase in given_up}
        shares: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
        for given_up_ms, numbers in _spread(unserved, begun):
            for phase, given in numbers.items():
                shares[phase].append((given_up_ms, given))
        for phase, rows in shares.items():
            given_up[phase].record_times(*_columns(rows))
        for phase, histogram in given_up.items():
            histogram.merge(self.cut.get(phase, Histogram()))
            found[phase] = censored_summary(self.ended.get(phase, Histogram()), histogram)
        return {"response": found, "lateness": self.late.summaries()}

    def result(self, context: ResultContext) -> dict[str, Any]:
        """As ``summaries``; it stands in ``latency``."""
        return self.summaries(context.unserved)


def _spread(
    unserved: Sequence[UnservedRow], begun: dict[str, int]
) -> Iterator[tuple[float, dict[str, int]]]:
    """What never began, by its wait in ms: how many of it each phase is given, in whole numbers.

    Each has its share of what began, rounded down; those that are left go to the phases that are
    owed most, over all rows, so that single ones do not all go to the largest.
    """
    total = sum(begun.values())
    if not total:
        return
    owed = dict.fromkeys(begun, 0)  # in parts of ``total``: whole numbers are exact
    for *_, waited_ms, number in unserved:
        given = {phase: number * share // total for phase, share in begun.items()}
        for phase, share in begun.items():
            owed[phase] += number * share - given[phase] * total
        for _ in range(number - sum(given.values())):
            phase = max(owed, key=owed.__getitem__)
            given[phase] += 1
            owed[phase] -= total
        yield float(waited_ms), {phase: n for phase, n in given.items() if n}


def _columns(rows: Iterable[tuple[float, int]]) -> tuple[list[float], list[int]]:
    """Times and numbers, each by themselves."""
    kept = list(rows)
    return [ms for ms, _ in kept], [number for _, number in kept]


def _joined(answered: Histograms, cut: Histograms, never: Histogram) -> dict[str, Any]:
    ended = Histogram()
    for histogram in answered.values():
        ended.merge(histogram)
    for histogram in cut.values():
        never.merge(histogram)
    return censored_summary(ended, never)


class ScheduledTimes:
    """A second's worth of times, in ms, before they are bucketed."""

    __slots__ = ("cut", "ended", "generator", "own_cap", "queue")

    def __init__(self) -> None:
        self.ended: defaultdict[str, list[float]] = defaultdict(list)
        self.cut: defaultdict[str, list[float]] = defaultdict(list)
        self.generator: list[float] = []
        self.queue: list[float] = []
        self.own_cap: list[float] = []

    def add(self, event: Event, *, answered: bool) -> None:
        """Note the times of an event that a schedule asked for.

        ``answered``: all that it asked went out. One that asked nothing has no response. By the
        clock, whole appointments have one (appointments.py), and not their events.
        """
        scheduled = event.scheduled
        if not scheduled:
            return
        if answered:
            own_ms = 0.0
            for step in event.steps:
                own_ms += step.queue_ms
            self.own_cap.append(own_ms)
        if scheduled.hour is not None:
            return
        self.generator.append(scheduled.generator_ms)
        self.queue.append(scheduled.queue_ms)
        if answered:
            kept = self.cut if event.outcome == "cut" else self.ended
            kept[event.phase].append(scheduled.response_ms or 0.0)

    def settle(self, responses: Response) -> None:
        """Bring all into the histograms."""
        for part in PARTS:
            if times := getattr(self, part):
                responses.late[part].add(BucketCounts.of(times))
        for kept, histograms in ((self.ended, responses.ended), (self.cut, responses.cut)):
            for phase, times in kept.items():
                histograms[phase].add(BucketCounts.of(times))
