"""The master's part of a schedule: it grants seconds ahead, and knows what became of each.

No grant, no arrival: a worker that was frozen wakes to seconds that were its own, and to no others.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from math import ceil
from typing import TYPE_CHECKING

from mcstress.load.schedule import (
    ArrivalCounts,
    ArrivalKind,
    ArrivalRate,
    GrantedSecond,
    Places,
    RatePlan,
    Share,
    dealt,
)
from mcstress.metrics.arrivals import ArrivalTotals, OfferedSecond
from mcstress.services.clock import CLOCK

if TYPE_CHECKING:
    from mcstress.master.run_state import RunState
    from mcstress.master.worker_registry import WorkerState

BEGINS_IN_S = 2.0
AHEAD_S = 3
"""So many seconds are granted ahead; a rate that is changed is changed as much later."""
LOOK_S = 0.25
SOON_S = 0.5
"""What grants take to reach all workers, at most, where nothing is wrong."""

Send = Callable[[str, list[GrantedSecond], float], None]
"""Tells a worker of its seconds, the first of which begins in so many seconds."""

logger = logging.getLogger(__name__)


class Offering:
    """One run's schedule, from its second 0 on. ``seconds`` are those that were granted."""

    def __init__(
        self, rate: ArrivalRate, kind: ArrivalKind, seed: int, plan: RatePlan | None = None
    ) -> None:
        self.plan = plan or RatePlan(rate)
        self.kind, self.seed = kind, seed
        self.seconds: list[OfferedSecond] = []
        self.passed = 0
        """Seconds that went by ungranted: this process was too busy."""
        self.unmanned = 0
        """Arrivals of seconds in which the pool had no user."""
        self.begin_s: float | None = None
        self._next = 0
        self._end_s: float | None = None
        self._dealt: Counter[str] = Counter()
        self._ahead: defaultdict[str, list[tuple[float, Places]]] = defaultdict(list)
        """Of each worker, what was granted of late: when its second begins, and its places."""

    def begin(self) -> None:
        """Second 0 is soon: a whole Unix second, as slots of timelines are."""
        now_s = CLOCK.now_s()
        self.begin_s = float(round(now_s + BEGINS_IN_S))
        logger.info(
            "second 0 of the schedule is in %.1f s: %s", self.begin_s - now_s, self.plan.rate
        )

    def change_to(self, rate: ArrivalRate) -> None:
        """Another rate, from the first second that is not granted yet; the same changes nothing."""
        if rate == self.plan.rate:
            return
        self.plan.change(rate, self._next)
        logger.info("from second %d on, %s are offered", self._next, rate)

    @property
    def rate_per_s(self) -> float | None:
        """What is offered now, 0 in a pause; None before second 0 and after the end."""
        now = int(CLOCK.now_s())
        if self._end_s is not None or not self.seconds or now < self.seconds[0].time:
            return None
        return next((s.rate_per_s for s in reversed(self.seconds) if s.time == now), 0.0)

    def next_second(self) -> int:
        """The first that is not granted yet and begins half a second from now at least.

        Called in a pause: what goes by meanwhile was not to be offered.
        """
        assert self.begin_s is not None
        self._next = max(self._next, ceil(CLOCK.now_s() - self.begin_s + SOON_S))
        return self._next

    def waiting(self, parts: Iterable[WorkerState]) -> int:
        """Arrivals that were granted and of which workers that are there said nothing yet."""
        return sum(
            self.dealt_to(part.name) - (told.begun + told.missed + told.cut + told.withdrawn)
            for part in parts
            if not part.lost and part.drained is None
            for told in [part.arrivals]
        )

    def grant(self, shares: tuple[Share, ...], send: Send) -> None:
        """Grant what is to be granted by now, to those who have users in the pool."""
        if self.begin_s is None or self._end_s is not None:
            return
        at_s = CLOCK.now_s() - self.begin_s
        if self.plan.second(self._next) is None:
            return
        if self._next < at_s - 1:  # those seconds are over: their arrivals would all be late
            self.passed += int(at_s) - self._next
            self._next = int(at_s)
        seconds = []
        while self._next <= at_s + AHEAD_S and (second := self.plan.second(self._next)):
            seconds.append(GrantedSecond(second, shares))
            self._note(seconds[-1])
            self._next += 1
        if not seconds:
            return
        in_s = self.begin_s + seconds[0].second.number - CLOCK.now_s()
        for name, users in shares:
            if users:
                send(name, seconds, in_s)

    def _note(self, granted: GrantedSecond) -> None:
        assert self.begin_s is not None
        begins_s = self.begin_s + granted.second.number
        everyone = granted.shares if any(n for _, n in granted.shares) else (("", 1),)
        parts = dealt(granted.second, self.kind, self.seed, everyone)
        for name, places in parts:
            if not name:
                self.unmanned += len(places)
                continue
            self._dealt[name] += len(places)
            self._ahead[name].append((begins_s, places))
            del self._ahead[name][: -3 * AHEAD_S]
        number = sum(len(places) for _, places in parts)
        self.seconds.append(OfferedSecond(int(begins_s), granted.second.rate_per_s, number))

    def end(self) -> None:
        """Nothing is offered any more; twice is once."""
        if self._end_s is None:
            self._end_s = CLOCK.now_s()

    def seconds_so_far(self) -> list[OfferedSecond]:
        """Those that began before the end, or before now; of the last one what came by then."""
        end_s = CLOCK.now_s() if self._end_s is None else self._end_s
        whole = [second for second in self.seconds if second.time + 1 <= end_s]
        for second in self.seconds[len(whole) : len(whole) + 1]:
            if (lasted_s := end_s - second.time) > 0:
                due = self._due_in(second.time, end_s)
                whole.append(OfferedSecond(second.time, second.rate_per_s, due, lasted_s))
        return whole

    def _due_in(self, begins_s: float, end_s: float) -> int:
        """How many of a late second's arrivals came before ``end_s``."""
        return sum(
            int((begins + places <= end_s).sum())
            for ahead in self._ahead.values()
            for begins, places in ahead
            if begins == begins_s
        )

    def dealt_to(self, worker: str) -> int:
        """How many arrivals the worker was granted."""
        return self._dealt[worker]

    def due_of(self, worker: str) -> int:
        """The same, without those that were to come after the end (or after now)."""
        end_s = CLOCK.now_s() if self._end_s is None else self._end_s
        later = sum(
            int((begins_s + places > end_s).sum()) for begins_s, places in self._ahead[worker]
        )
        return self._dealt[worker] - later

    @property
    def workers(self) -> list[str]:
        """Those who were granted anything."""
        return sorted(self._dealt)


def totals_of(
    offering: Offering, parts: Iterable[WorkerState], events: int, *, over: bool
) -> ArrivalTotals:
    """What became of all arrivals; ``events``: how many of the events counted are of a schedule.

    A worker that is lost, or that the end of the run (``over``) did not hear of, leaves what it
    did not tell of unknown. What was granted to one that left early, and never reached it, was
    not offered: nobody was there.
    """
    sums = ArrivalCounts()
    unknown = 0
    for part in parts:
        told = part.arrivals
        sums.begun += told.begun
        sums.missed += told.missed
        sums.cut += told.cut
        if part.drained is not None:
            if not part.left_early:
                unknown += offering.dealt_to(part.name) - told.granted
        elif part.lost or over:
            unknown += offering.due_of(part.name) - told.begun - told.missed - told.cut
    # Of a lost worker's events, its file may hold more than it told.
    found = min(max(0, events - sums.begun), max(0, unknown))
    begun, unknown = sums.begun + found, max(0, unknown - found)
    missed = sums.missed + offering.unmanned
    return ArrivalTotals(
        offered=begun + missed + sums.cut + unknown,
        begun=begun,
        missed=missed,
        cut=sums.cut,
        unknown=unknown,
    )


def shares_of(run: RunState) -> tuple[Share, ...]:
    """How many users of each worker take arrivals: who has done its rounds takes none."""
    users = Counter(lease.worker for lease in run.seats.leases() if not lease.done)
    return tuple(
        (part.name, users[part.name])
        for part in sorted(run.registry.parts.values(), key=lambda part: part.name)
        if part.drained is None and not part.lost and users[part.name]
    )
