"""A moment: one second under one band of users. What counts for both is kept here at first.

Appending a latency is a tenth of the price of finding its bucket: a second's worth is bucketed at
once, and then added to the band's histograms, to the timeline's and to the services' slots.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

import msgspec
import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from mcstress.metrics.availability import GATEWAY, LLM, Availability, ServiceSlots
from mcstress.metrics.band import Band
from mcstress.metrics.errors import SLOT_REASONS, Reasons, one_fault
from mcstress.metrics.event import HIT_TWICE, OWN_FAULT, Event, StepRecord
from mcstress.metrics.freshness import LOOK_STEPS
from mcstress.metrics.histogram import BucketCounts, Floats, as_array
from mcstress.metrics.metric import Faults, Say, Seen
from mcstress.metrics.rates import TOP1
from mcstress.metrics.response_time import ScheduledTimes
from mcstress.metrics.tally import Tally
from mcstress.metrics.timeline import SlotCounts
from mcstress.metrics.unparseable import LLM_STEPS
from mcstress.metrics.worst_events import Examples, WorstReissues

Latencies = defaultdict[str, list[float]]

MORE_THAN_TIMED = LOOK_STEPS | LLM_STEPS
"""Steps of which more is counted than how long they took."""


TIMESTAMP = np.dtype([("kind", ">u2"), ("number", ">u8")])
OF_64_BITS = 0xD7FF
SECONDS_BITS = 34
"""MessagePack's timestamp of 64 bits, of which the lower ones are the seconds since 1970."""
_pack = msgspec.msgpack.Encoder().encode


class Lasted:
    """The events of one phase: how long each lasted, waits included, and the services' part.

    ``ok`` counts those of that outcome: adding to a number takes a tenth of adding to a tally.
    """

    __slots__ = ("lasted_ms", "ok", "service_ms")

    def __init__(self) -> None:
        self.ok = 0
        self.lasted_ms: list[float] = []
        self.service_ms: list[float] = []


class Answered:
    """When the steps of one name began, and how long each took: not the steps themselves."""

    __slots__ = ("latencies_ms", "times")

    def __init__(self) -> None:
        self.times: list[datetime] = []
        self.latencies_ms: list[float] = []

    def add(self, step: StepRecord) -> None:
        """Note a step."""
        self.times.append(step.time)
        self.latencies_ms.append(step.latency_ms)


class SecondBucket(Seen):
    """Events by phase and outcome, latencies by name, and what else the timeline shows."""

    __slots__ = (
        "_availability", "answered", "band", "events", "failed", "failures", "hear", "listeners",
        "parts", "phases", "plain", "queue", "scheduled", "slowest", "unanswered", "users_from",
    )  # fmt: skip

    def __init__(
        self,
        users_from: int,
        band: Band,
        *,
        faults: Faults,
        worst: WorstReissues,
        examples: Examples,
        availability: Availability,
        say: Say | None,
    ) -> None:
        super().__init__(faults, worst, examples, say)
        self.users_from = users_from
        self.band = band
        self.listeners = band.listeners
        self.hear = self.plain = band.plain
        self.events: Tally[tuple[str, str]] = Tally()
        self.answered: defaultdict[str, Answered] = defaultdict(Answered)
        self.unanswered: Latencies = defaultdict(list)
        self.queue: Latencies = defaultdict(list)
        self.parts: Latencies = defaultdict(list)
        self.phases: defaultdict[str, Lasted] = defaultdict(Lasted)
        self.slowest = examples.slow
        self._availability = availability
        self.failed = 0
        self.failures = Reasons(SLOT_REASONS)
        self.scheduled: ScheduledTimes | None = None

    def add(self, event: Event) -> int:
        """Count an event and its steps, whatever became of it; how many steps never went out.

        Those are no service's: they are in no latency and no error rate. A step that was cut is
        in neither, and counts for its service's availability. Looks for new resumes are freshness's
        alone.
        """
        phase, outcome, steps, unsent = event.phase, event.outcome, event.steps, 0
        lasted = self.phases[phase]
        if outcome == "ok":
            lasted.ok += 1
        else:
            self.events[phase, outcome] += 1
        for step in steps:
            name = step.name
            other = step.error is not None or step.cut or step.resent or step.parts is not UNSET
            if other or name in MORE_THAN_TIMED:
                unsent += self._add_other(event, step)
                continue
            answered = self.answered[name]  # as ``Answered.add``, without a call
            answered.times.append(step.time)
            answered.latencies_ms.append(step.latency_ms)
        if steps and not unsent and outcome != "cut":
            latency_ms, lasted_ms = event.latency_ms, event.lasted_ms
            lasted.lasted_ms.append(latency_ms if lasted_ms is None else lasted_ms)
            lasted.service_ms.append(latency_ms)
            # By a nanosecond less than it takes: a sum of latencies is rounded.
            if -1e6 * latency_ms - 1 <= self.slowest.most:
                self.examples.add_slow(event)
        return unsent

    def _add_other(self, event: Event, step: StepRecord) -> int:
        """Count a step that is more than an answer and its time; 1 if it never went out."""
        name, error, latency_ms = step.name, step.error, step.latency_ms
        if error is not None and error.startswith(OWN_FAULT):
            return 1
        if name in LOOK_STEPS:
            if not step.cut:
                self.band.freshness.add_look(step)
            return 0
        begin_s = step.time.timestamp()
        if error is not None:
            self._add_failure(name, error)
        if error is not None or step.cut:
            end_s = begin_s + latency_ms / 1000
            self._service_of(name).add(begin_s, end_s, ok=False, cut=step.cut)
        else:
            self.answered[name].add(step)
        if not step.cut:
            self._add_uncut(event, step)
        return 0

    def _add_uncut(self, event: Event, step: StepRecord) -> None:
        """Count what of a step is more than its slots, where the end of the run did not cut it."""
        name, failed = step.name, step.error is not None
        if failed:
            self.unanswered[name].append(step.latency_ms)
        if name in LLM_STEPS:
            self.queue[name].append(step.queue_ms)
            # Who has a rating has no answer that could not be used.
            if event.rating is None and not failed:
                self.band.unparseable.add_step(event, step)
        for part, latency_ms in (step.parts or {}).items():
            self.parts[part].append(latency_ms)
        if step.resent:
            self.band.errors.resent[(name,)] += 1

    def _service_of(self, name: str) -> ServiceSlots:
        return self._availability[LLM if name in LLM_STEPS else GATEWAY]

    def add_scheduled(self, event: Event, unsent: int) -> None:
        """Count the times of an event that a schedule asked for, after ``add``."""
        self.scheduled = self.scheduled or ScheduledTimes()
        self.scheduled.add(event, answered=bool(event.steps) and not unsent)

    def _add_failure(self, name: str, error: str) -> None:
        self.failed += 1
        self.failures.add(name, one_fault(error))
        if error.startswith(HIT_TWICE[0]) and error.endswith(HIT_TWICE[1]):
            self.faults[("repeated_ids",)] += 1
        self.band.errors.add_step(name, error)

    def settle(self, slot: SlotCounts) -> None:
        """Add all that was kept to the band and to the timeline's slot."""
        latency = self.band.latency
        for name, answered in self.answered.items():
            latencies_ms = as_array(answered.latencies_ms)
            self._service_of(name).add_answers(name, unix_seconds(answered.times), latencies_ms)
            # Those of the steps that failed are with them, but vouch for no service.
            failed_ms = self.unanswered.pop(name, None)
            if failed_ms is not None:
                latencies_ms = np.concatenate((latencies_ms, failed_ms))
            self._add_latencies(name, latencies_ms, slot)
        for name, others_ms in self.unanswered.items():
            self._add_latencies(name, as_array(others_ms), slot)
        self._settle_phases()
        self._settle_pairs()
        for kept, histograms in (
            (self.queue, latency.queue),
            (self.parts, latency.parts),
        ):
            for name, latencies in kept.items():
                histograms[name].add(BucketCounts.of(latencies))
        if self.scheduled is not None:
            self.scheduled.settle(self.band.responses)
        self.band.events.merge(self.events)
        for (phase, outcome), count in self.events.items():
            slot.outcomes[(outcome,)] += count
            slot.phases[phase, int(outcome != "ok")] += count
        if self.failed:
            slot.failed[()] += self.failed
            slot.failures.merge(self.failures)
        slot.determinism.merge(self.determinism)
        slot.handover.merge(self.handover)

    def _settle_phases(self) -> None:
        """Count events by outcome and phase, tell the metrics, and bucket how long they lasted."""
        latency = self.band.latency
        for phase, lasted in self.phases.items():
            if lasted.ok:
                self.events[phase, "ok"] += lasted.ok
            if lasted.lasted_ms:
                latency.phases[phase].add(BucketCounts.of(lasted.lasted_ms))
                latency.phases_service[phase].add(BucketCounts.of(lasted.service_ms))
        for (phase, outcome), count in self.events.items():
            if outcome != "cut":
                for heard in self.band.counters.get(phase, ()):
                    heard(phase, count)

    def _settle_pairs(self) -> None:
        """Count what was noted of reissues and handovers."""
        band = self.band
        for shared, count in Counter(self.alike).items():
            band.determinism.add_alike(count)
            band.rank_correlation.add_alike(shared, count)
            self.determinism[shared, shared] += count
        for (phase, arm, at), count in Counter(self.arms).items():
            band.handover.add_arm(phase, arm, at, count)
            self.handover[arm, int(at == TOP1)] += count

    def _add_latencies(self, name: str, latencies_ms: Floats, slot: SlotCounts) -> None:
        counts = BucketCounts.of(latencies_ms)
        self.band.latency.steps[name].add(counts)
        slot.steps[name].add(counts)


def unix_seconds(times: Sequence[datetime]) -> NDArray[np.float64]:
    """``timestamp()`` of each of ``times``, to the bit (until 2255), at a tenth of its cost.

    MessagePack writes a time as a number of ten bytes, two of which say so: 30 bits of nanoseconds
    and 34 of seconds. One that takes another length (at a whole second, or before 1970) is rare.
    """
    packed, count = _pack(times), len(times)
    head = 1 if count < 1 << 4 else 3 if count < 1 << 16 else 5
    is_like = len(packed) == head + TIMESTAMP.itemsize * count
    rows = np.frombuffer(packed, TIMESTAMP, offset=head) if is_like else None
    # Shorter ones and longer ones may be as long together.
    if rows is None or (rows["kind"] != OF_64_BITS).any():
        return np.array([time.timestamp() for time in times])
    numbers = rows["number"].astype(np.uint64)
    seconds, nanoseconds = numbers & np.uint64((1 << SECONDS_BITS) - 1), numbers >> SECONDS_BITS
    # The division of two whole numbers is rounded once, as that of ``timestamp`` is.
    found: NDArray[np.float64] = (seconds * 10**6 + nanoseconds // 1000) / 10**6
    return found
