"""A moment: one second under one band of users. What counts for both is kept here at first.

Appending a latency is a tenth of the price of finding its bucket: a second's worth is bucketed at
once, and then added to the band's histograms and to the timeline's.
"""

from __future__ import annotations

from collections import defaultdict

from mcstress.metrics.availability import GATEWAY, LLM, Availability
from mcstress.metrics.band import Band
from mcstress.metrics.event import HIT_TWICE, OWN_FAULT, Event, StepRecord
from mcstress.metrics.freshness import LOOK_STEPS
from mcstress.metrics.histogram import Counts
from mcstress.metrics.metric import Faults, Say, Seen
from mcstress.metrics.response import ScheduledTimes
from mcstress.metrics.tally import Tally
from mcstress.metrics.timeline import SlotCounts
from mcstress.metrics.unparseable import LLM_STEPS
from mcstress.metrics.worst import WorstReissues

Latencies = defaultdict[str, list[float]]


class SecondBucket(Seen):
    """Events by phase and outcome, latencies by name, and what else the timeline shows."""

    __slots__ = (
        "band", "events", "failed", "gateway", "listeners", "llm", "phases", "phases_service",
        "queue", "scheduled", "steps", "users_from",
    )  # fmt: skip

    def __init__(
        self,
        users_from: int,
        band: Band,
        *,
        faults: Faults,
        worst: WorstReissues,
        availability: Availability,
        say: Say | None,
    ) -> None:
        super().__init__(faults, worst, say)
        self.users_from = users_from
        self.band = band
        self.listeners = band.listeners
        self.events: Tally[tuple[str, str]] = Tally()
        self.steps: Latencies = defaultdict(list)
        self.queue: Latencies = defaultdict(list)
        self.phases: Latencies = defaultdict(list)
        self.phases_service: Latencies = defaultdict(list)
        self.gateway, self.llm = availability[GATEWAY], availability[LLM]
        self.failed = 0
        self.scheduled: ScheduledTimes | None = None

    def add(self, event: Event) -> int:
        """Count an event and its steps, whatever became of it; how many steps never went out.

        Those are no service's: they are in no latency and no error rate. A step that was cut is
        in neither, and counts for its service's availability. Looks for new resumes are freshness's
        alone.
        """
        self.events[event.phase, event.outcome] += 1
        steps, latencies, unsent = event.steps, self.steps, 0
        for step in steps:
            name, error, latency_ms = step.name, step.error, step.latency_ms
            if error is not None and error.startswith(OWN_FAULT):
                unsent += 1
                continue
            if name in LOOK_STEPS:
                self._add_look(step)
                continue
            if error is not None:
                self._add_failure(name, error)
            of_llm = name in LLM_STEPS
            begin_s = step.time.timestamp()
            service = self.llm if of_llm else self.gateway
            service.add(begin_s, begin_s + latency_ms / 1000, error is None, step.cut, name)
            if step.cut:
                continue
            latencies[name].append(latency_ms)
            if of_llm:
                self.queue[name].append(step.queue_ms)
                # Who has a rating has no answer that could not be used.
                if event.rating is None and step.error is None:
                    self.band.unparseable.add_step(event, step)
            if step.resent:
                self.band.errors.resent[(name,)] += 1
        if steps and not unsent and event.outcome != "cut":
            lasted_ms = event.latency_ms if event.lasted_ms is None else event.lasted_ms
            self.phases[event.phase].append(lasted_ms)
            self.phases_service[event.phase].append(event.latency_ms)
        return unsent

    def add_scheduled(self, event: Event, unsent: int) -> None:
        """Count the times of an event that a schedule asked for, after ``add``."""
        self.scheduled = self.scheduled or ScheduledTimes()
        self.scheduled.add(event, answered=bool(event.steps) and not unsent)

    def _add_failure(self, name: str, error: str) -> None:
        self.failed += 1
        if error.startswith(HIT_TWICE[0]) and error.endswith(HIT_TWICE[1]):
            self.faults[("repeated_ids",)] += 1
        self.band.errors.add_step(name, error)

    def _add_look(self, step: StepRecord) -> None:
        if not step.cut:
            self.band.freshness.add_look(step)

    def settle(self, slot: SlotCounts) -> None:
        """Add all that was kept to the band and to the timeline's slot."""
        latency = self.band.latency
        for name, latencies in self.steps.items():
            counts = Counts.of(latencies)
            latency.steps[name].add(counts)
            slot.steps[name].add(counts)
        for kept, histograms in (
            (self.queue, latency.queue),
            (self.phases, latency.phases),
            (self.phases_service, latency.phases_service),
        ):
            for name, latencies in kept.items():
                histograms[name].add(Counts.of(latencies))
        if self.scheduled is not None:
            self.scheduled.settle(self.band.responses)
        self.band.events.merge(self.events)
        for (_, outcome), count in self.events.items():
            slot.outcomes[(outcome,)] += count
        if self.failed:
            slot.failed[()] += self.failed
        slot.determinism.merge(self.determinism)
        slot.handover.merge(self.handover)
