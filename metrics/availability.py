"""Availability: for how long nothing succeeded, though something was asked.

A closed loop waits politely while a service is dead, so a share of failed steps says how it
fails, not how long. Time is cut into slots of 100 ms on the master's clock; per service it is kept
in which of them a step was in flight and which a success made good. Estimators:
``longest_silence_s`` (lower is better) and ``rate`` = 1 - silent time by run time (higher is
better); the unit is the slot. They describe this run and have no interval. Source: VERDICT.md,
section 2.

A success makes all slots of its span good where it took at most the cap, else only the slot in
which it ended: a step that hung through an outage says nothing of the time before its end. The cap
is the larger of 1 s and four times the run's median latency of successes, so that a service that
is slow and sound is not called silent. The median is that of the slowest kind of step that makes a
tenth of the successes: one median over slow searches and quick recordings would be that of the
recordings. A silence runs from the first to the last slot in flight without a good slot between;
slots in which nothing is asked do not end it, and under 1 s it does not count. A step that the end
of the run cuts says nothing until it took longer than the cap.

While the load generator itself stands still (a machine that is starved, suspended or out of memory)
it asks nothing and reads no answer. A slot in which one of its processes did (``Pause``), and in
which nothing succeeded, is left out, from the one before to the one after: it is not in flight, and
its time is not of the time that was measured. Within a silence it counts as the rest of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from mcstress.metrics.event import utc
from mcstress.metrics.histogram import Floats, as_array
from mcstress.metrics.latency_kinds import EDGES, EDGES_S, FOUR_TIMES, ONE_SECOND, LatenciesByKind
from mcstress.metrics.results import says
from mcstress.metrics.slot_mask import SLOTS_A_SECOND, Mask, MasksByLatency, Slots, either
from mcstress.metrics.tally import Accumulator

GATEWAY, LLM = "gateway", "llm"
"""The services that are told apart."""

SLOT_S = 0.1
SHORTEST_S = 1.0
"""A silence that is shorter does not count."""
SHORTEST_SLOTS = round(SHORTEST_S * SLOTS_A_SECOND)
SILENCES_SHOWN = 20
ERROR_OF_A_SLOT_S = SLOT_S / 2
"""The error of a worker's clock above which slots are widened."""
PAUSES_KEPT = 100
"""Of one worker, the longest: what is shorter counts as the services' time."""


class Silence(msgspec.Struct, frozen=True):
    """A stretch in which nothing succeeded."""

    begin: Annotated[float, says("its begin in Unix seconds")]
    seconds: Annotated[float, says("its length")]

    @property
    def end(self) -> float:
        """Its end in Unix seconds."""
        return self.begin + self.seconds

    def __str__(self) -> str:
        return f"from {utc(self.begin):%H:%M:%S} for {self.seconds:.1f} s"


class Pause(msgspec.Struct, frozen=True):
    """A stretch in which a process of the load generator stood still: it did nothing at all."""

    begin: Annotated[float, msgspec.Meta(ge=0, le=2**40), says("its begin in Unix seconds")]
    seconds: Annotated[float, msgspec.Meta(ge=0, le=2**20), says("its length")]


class ServiceFigures(msgspec.Struct, frozen=True):
    """A service's availability. ``rate`` and ``longest_silence_s`` are None without a slot.

    ``slots`` counts those in flight, of ``slot_s`` each: what it was measured over. ``silences``
    has the first twenty of ``silence_count``. ``cap_s``: a success that took longer vouches for the
    slot of its end only. ``measured_s``: the run's time without ``paused_s``, which was left out.
    """

    rate: float | None
    longest_silence_s: float | None
    silent_s: float
    silence_count: int
    silences: list[Silence]
    slots: int
    slot_s: float
    cap_s: float
    measured_s: float
    paused_s: float


class ServiceSlots(Accumulator):
    """One service's slots. A step marks one mask, a success of more than a second two.

    ``quick``: spans of successes of up to 1 s. ``slow``: of others, by latency; ``ended``: their
    ends. ``failed``: spans of failed steps. ``cut``: spans of steps that the end of the run cut, by
    latency so far. ``latencies`` of successes give the medians. A mask is at most 10 KB of JSON an
    hour; a quick service has one, 10 KB an hour and 240 KB a day; one whose latencies spread from 1
    to 16 s has at most 20.
    """

    def __init__(self) -> None:
        self.quick = Mask()
        self.slow = MasksByLatency()
        self.ended = Mask()
        self.failed = Mask()
        self.cut = MasksByLatency()
        self.latencies = LatenciesByKind()

    def add(
        self, begin_s: float, end_s: float, ok: bool, cut: bool = False, kind: str = ""
    ) -> None:
        """Count a step called ``kind``; its times are Unix seconds of the master's clock.

        A step that was ``cut`` ends where the run does, and is neither good nor failed.
        """
        first, last = int(begin_s * SLOTS_A_SECOND), int(end_s * SLOTS_A_SECOND)
        if not ok and not cut:
            self.failed.mark(first, last)
            return
        edge = bisect_left(EDGES_S, end_s - begin_s)
        if not cut:
            self._add_successes(kind, edge, first, last, 1)
        elif edge > ONE_SECOND:
            self.cut[edge].mark(first, last)

    def add_answers(
        self, kind: str, begins_s: Sequence[float] | Floats, latencies_ms: Sequence[float] | Floats
    ) -> None:
        """Count successes called ``kind``; those that share an edge and a span are marked once."""
        begins = as_array(begins_s)
        ends = begins + as_array(latencies_ms) / 1000
        rows = np.empty((3, len(begins)), np.int64)
        rows[0] = EDGES.searchsorted(ends - begins)
        rows[1], rows[2] = begins * SLOTS_A_SECOND, ends * SLOTS_A_SECOND
        # Sorted by all three, equal ones stand together: a tuple for each step costs three times.
        rows = rows[:, np.lexsort(rows)]
        is_new = np.ones(rows.shape[1], np.bool_)
        is_new[1:] = (rows[:, 1:] != rows[:, :-1]).any(axis=0)
        starts = is_new.nonzero()[0]
        numbers = np.diff(starts, append=rows.shape[1]).tolist()
        for (edge, first, last), number in zip(rows[:, starts].T.tolist(), numbers, strict=True):
            self._add_successes(kind, edge, first, last, number)

    def _add_successes(self, kind: str, edge: int, first: int, last: int, number: int) -> None:
        self.latencies[kind][edge] += number
        if edge > ONE_SECOND:
            self.slow[edge].mark(first, last)
            self.ended.mark(last, last)
        else:
            self.quick.mark(first, last)

    def cap_edge(self) -> int:
        """The number of the cap's edge; ``len(EDGES_S)`` where there is none so high."""
        slowest = self.latencies.slowest_median()
        return min(max(ONE_SECOND, slowest + FOUR_TIMES), len(EDGES_S))

    def result(
        self,
        begin_s: float,
        end_s: float,
        clock_error_s: float = 0.0,
        pauses: Iterable[Pause] = (),
    ) -> ServiceFigures:
        """The figures of a run from ``begin_s`` to ``end_s``; slots outside do not count.

        ``clock_error_s`` is the largest of the workers' (clock_offset.py): above 50 ms slots are
        made so wide that it is at most half of one. ``pauses`` are those of all its processes.
        """
        wide = 1
        if clock_error_s > ERROR_OF_A_SLOT_S:
            wide = int(np.ceil(clock_error_s / ERROR_OF_A_SLOT_S))
        first = int(begin_s * SLOTS_A_SECOND) // wide * wide
        count = max(-(-(int(end_s * SLOTS_A_SECOND) + 1 - first) // wide) * wide, 0)
        flight, good = (_widened(slots, wide) for slots in self._slots(first, count))
        left_out = _paused(pauses, first, wide, len(flight)) & ~good
        flight &= ~left_out
        silences = []
        for begin, last in _silent(flight, good):
            if (last + 1 - begin) * wide >= SHORTEST_SLOTS:
                run = first + begin * wide, first + (last + 1) * wide
                silences.append(_clipped(*run, begin_s, end_s))
                left_out[begin : last + 1] = False
        slots, silent_s = int(flight.sum()), sum(silence.seconds for silence in silences)
        paused_s = min(int(left_out.sum()) * wide * SLOT_S, max(0.0, end_s - begin_s))
        measured_s = max(0.0, end_s - begin_s) - paused_s
        cap, measured = self.cap_edge(), slots > 0 and measured_s > 0
        return ServiceFigures(
            rate=max(0.0, 1 - silent_s / measured_s) if measured else None,
            longest_silence_s=max((s.seconds for s in silences), default=0.0) if measured else None,
            silent_s=silent_s,
            silence_count=len(silences),
            silences=silences[:SILENCES_SHOWN],
            slots=slots,
            slot_s=wide * SLOT_S,
            cap_s=EDGES_S[min(cap, len(EDGES_S) - 1)],
            measured_s=measured_s,
            paused_s=paused_s,
        )

    def extent(self) -> list[int]:
        """The first and the last slot of each mask."""
        masks = [self.quick, self.ended, self.failed, *self.slow.values(), *self.cut.values()]
        return [slot for mask in masks if mask for slot in mask.extent()]

    def _slots(self, first: int, count: int) -> tuple[Slots, Slots]:
        """In flight, and good."""
        cap = self.cap_edge()
        vouching = [mask for edge, mask in self.slow.items() if edge <= cap]
        good = either([*vouching, self.quick, self.ended], first, count)
        beyond = [
            mask for masks in (self.slow, self.cut) for edge, mask in masks.items() if edge > cap
        ]
        return good | either([*beyond, self.failed], first, count), good


class Availability(dict[str, ServiceSlots]):
    """Services by name: what a worker hands over, and what the master adds up."""

    def __missing__(self, name: str) -> ServiceSlots:
        service = self[name] = ServiceSlots()
        return service

    def merge(self, other: Availability) -> None:
        """Add the slots of ``other``'s services."""
        for name, service in other.items():
            self[name].merge(service)

    def state(self) -> dict[str, Any]:
        """The states by name, of the services that were asked anything."""
        states = ((name, self[name].state()) for name in sorted(self))
        return {name: state for name, state in states if state}

    def result(
        self,
        begin_s: float,
        end_s: float,
        clock_error_s: float = 0.0,
        pauses: Sequence[Pause] = (),
    ) -> dict[str, ServiceFigures]:
        """The figures of each service that was asked anything, as ``ServiceSlots.result``."""
        return {
            name: self[name].result(begin_s, end_s, clock_error_s, pauses)
            for name in sorted(self)
            if self[name].state()
        }

    def extent(self) -> tuple[float, float] | None:
        """From the first slot in flight to the end of the last; None where nothing was asked."""
        ends = [found for service in self.values() for found in service.extent()]
        return (min(ends) * SLOT_S, (max(ends) + 1) * SLOT_S) if ends else None

    def restore(self, state: dict[str, Any]) -> None:
        """Add what ``state()`` gave."""
        for name, service in state.items():
            self[name].restore(service)


def _widened(slots: Slots, wide: int) -> Slots:
    joined: Slots = np.logical_or.reduce(slots.reshape(-1, wide), axis=1)
    return joined


def _paused(pauses: Iterable[Pause], first: int, wide: int, count: int) -> Slots:
    """Which of ``count`` slots of that width a pause touches, or ends or begins beside."""
    found = np.zeros(count, np.bool_)
    for pause in pauses:
        ends = pause.begin, pause.begin + pause.seconds
        begin, end = ((int(at * SLOTS_A_SECOND) - first) // wide for at in ends)
        found[max(begin - 1, 0) : max(end + 2, 0)] = True
    return found


def _silent(flight: Slots, good: Slots) -> list[tuple[int, int]]:
    """The first and the last slot in flight of each stretch without a good one."""
    asked = flight.nonzero()[0]
    turns = np.diff(~good[asked], prepend=False, append=False).nonzero()[0]
    begins, ends = asked[turns[::2]], asked[turns[1::2] - 1]
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


def _clipped(first: int, end: int, begin_s: float, end_s: float) -> Silence:
    """The silence of the slots up to ``end``, within the run."""
    begin = max(first / SLOTS_A_SECOND, begin_s)
    return Silence(begin, round(min(end / SLOTS_A_SECOND, end_s) - begin, 6))
