"""The master's part of a schedule: it grants seconds ahead, and knows what became of each.

No grant, no arrival: a worker that was frozen wakes to seconds that were its own, and to no others.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
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
from mcstress.services.steady_clock import CLOCK

if TYPE_CHECKING:
    from mcstress.master.run_state import RunState
    from mcstress.master.worker_registry import WorkerState

BEGINS_IN_S = 2.0
AHEAD_S = 3
"""So many seconds are granted ahead; a rate that is changed is changed as much later."""
LOOK_S = 0.25
SOON_S = 0.5
"""What grants take to reach all workers, at most, where nothing is wrong."""

NOBODY = ""
"""To whom a second is dealt in which the pool has no user."""

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
        self.begin_s: float | None = None
        self._next = 0
        self._end_s: float | None = None
        self._dealt: Counter[str] = Counter()
        self._parts: list[dict[str, int]] = []
        """Of each of ``seconds``, how many arrivals each worker was dealt."""
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
            self.dealt_to(part.name) - _known(part.arrivals) - part.arrivals.withdrawn
            for part in parts
            if not part.lost and part.drained is None
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
        everyone = granted.shares if any(n for _, n in granted.shares) else ((NOBODY, 1),)
        parts = dealt(granted.second, self.kind, self.seed, everyone)
        for name, places in parts:
            self._dealt[name] += len(places)
            self._ahead[name].append((begins_s, places))
            del self._ahead[name][: -3 * AHEAD_S]
        self._parts.append({name: len(places) for name, places in parts})
        number = sum(self._parts[-1].values())
        self.seconds.append(OfferedSecond(int(begins_s), granted.second.rate_per_s, number))

    def end(self) -> None:
        """Nothing is offered any more; twice is once."""
        if self._end_s is None:
            self._end_s = CLOCK.now_s()

    def seconds_so_far(self, offered: Mapping[str, int] | None = None) -> list[OfferedSecond]:
        """Those that began before the end, or before now, and what they had by then.

        ``offered``: how many arrivals each worker was offered, where that is known; of those it was
        dealt these are the first. Else it is those that are due. Where a worker began some that
        came after the end, while word of it was under way, they count to the last second.
        """
        found, late = list(self.seconds), 0
        others = {
            name: dealt - (offered or {}).get(name, self.due_of(name))
            for name, dealt in self._dealt.items()
        }
        for at in range(len(found) - 1, -1, -1):
            second = found[at]
            lasted_s = min(self._until_s - second.time, 1.0)
            if lasted_s == 1 and not late and not any(others.values()):
                break
            arrivals, late = late, 0
            for name, number in self._parts[at].items():
                others[name] -= (withdrawn := min(number, others[name]))
                arrivals += number - withdrawn
            if lasted_s <= 0:
                del found[at]
                late = arrivals
            else:
                found[at] = OfferedSecond(second.time, second.rate_per_s, arrivals, lasted_s)
        return found

    @property
    def _until_s(self) -> float:
        return CLOCK.now_s() if self._end_s is None else self._end_s

    def dealt_to(self, worker: str) -> int:
        """How many arrivals the worker was granted."""
        return self._dealt[worker]

    def due_of(self, worker: str) -> int:
        """The same, without those that were to come after the end (or after now)."""
        end_s, ahead = self._until_s, self._ahead.get(worker, ())
        later = sum(int((begins_s + places > end_s).sum()) for begins_s, places in ahead)
        return self._dealt[worker] - later

    @property
    def workers(self) -> list[str]:
        """Those who were granted anything."""
        return sorted(self._dealt.keys() - {NOBODY})


def totals_of(
    offering: Offering, parts: Iterable[WorkerState], events: int, *, over: bool
) -> ArrivalTotals:
    """What became of all arrivals; ``events``: how many of the events counted are of a schedule.

    A worker that is lost, or that the end of the run (``over``) did not hear of, leaves what it
    did not tell of unknown. What was granted to one that left early, and never reached it, was
    not offered: nobody was there. Seconds in which nobody was in the pool are missed.
    """
    sums, missed = ArrivalCounts(), offering.due_of(NOBODY)
    unknown = 0
    for part in parts:
        sums.begun += part.arrivals.begun
        sums.cut += part.arrivals.cut
        missed += part.arrivals.missed
        unknown += _unknown(offering, part, over=over)
    # Of a lost worker's events, its file may hold more than it told.
    found = min(max(0, events - sums.begun), unknown)
    begun, unknown = sums.begun + found, unknown - found
    return ArrivalTotals(
        offered=begun + missed + sums.cut + unknown,
        begun=begun,
        missed=missed,
        cut=sums.cut,
        unknown=unknown,
    )


def offered_seconds(
    offering: Offering, parts: Iterable[WorkerState], *, over: bool
) -> list[OfferedSecond]:
    """The schedule's seconds; when the run is ``over``, as many arrivals as ``totals_of`` has."""
    if not over:
        return offering.seconds_so_far()
    return offering.seconds_so_far(
        {part.name: _known(part.arrivals) + _unknown(offering, part, over=True) for part in parts}
    )


def _known(told: ArrivalCounts) -> int:
    return told.begun + told.missed + told.cut


def _unknown(offering: Offering, part: WorkerState, *, over: bool) -> int:
    """Of how many arrivals that a worker was offered it did not tell."""
    if part.drained is not None:
        return 0 if part.left_early else offering.dealt_to(part.name) - part.arrivals.granted
    if part.lost or over:
        return max(0, offering.due_of(part.name) - _known(part.arrivals))
    return 0


def shares_of(run: RunState) -> tuple[Share, ...]:
    """How many users of each worker take arrivals: who has done its rounds takes none."""
    users = Counter(lease.worker for lease in run.seats.leases() if not lease.done)
    return tuple(
        (part.name, users[part.name])
        for part in sorted(run.registry.parts.values(), key=lambda part: part.name)
        if part.drained is None and not part.lost and users[part.name]
    )
