"""The open model: events begin when a schedule says so, and idle users take them.

Seconds are granted by the master; of each, this process works its own arrivals out. They wait here
in their order until an idle user takes one. None is ever handed to a user: Locust kills users that
wait, and an arrival must not end with one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import gevent
import msgspec
from gevent.event import Event as Signal
from gevent.hub import Waiter
from msgspec import UNSET

from mcstress.load.arrival_queue import ArrivalQueue, Batch
from mcstress.load.pacer import Slot
from mcstress.load.round_places import phases_from
from mcstress.load.schedule import ArrivalCounts, ArrivalKind, GrantedSecond, dealt
from mcstress.metrics.arrivals import ArrivalFate, Unserved
from mcstress.metrics.event import Scheduled, utc
from mcstress.services.steady_clock import CLOCK
from mcstress.users.phases import PHASE_FUNCTIONS, Task, asks_nothing
from mcstress.users.phases.mix import mixed

if TYPE_CHECKING:
    from mcstress.users.coordinator import Coordinator
    from mcstress.users.persona import CoordinatorUser

TOGETHER_S = 0.0005
"""Arrivals that come within so little of one another are let go together, up to so much late: a
timer of its own for each would wake the process as often as there are arrivals."""
LOOK_S = 0.1
"""So often at least it is looked for arrivals that have waited too long."""
NEVER_S = float("inf")
MS = 1000


class Arrivals(msgspec.Struct, frozen=True):
    """How a process is to treat arrivals: the schedule's kind and seed, and the longest wait."""

    kind: ArrivalKind
    seed: int
    max_wait_s: float


class Timer(Protocol):
    """Of gevent's loop; it has no types."""

    def start(self, callback: Callable[[], None]) -> None:
        """Call it once, when the time is over."""

    def close(self) -> None:
        """Never any more."""


class ArrivalsPacer:
    """Drives the users of one process by the schedule; ``counts`` says what became of it.

    ``closed_first``: until the first second is granted, users go on at their own speed: the
    reference, in which only one trio has seats.
    """

    def __init__(self, arrivals: Arrivals, worker: str, *, closed_first: bool = False) -> None:
        self.counts = ArrivalCounts()
        self.unserved = Unserved()
        self._arrivals = arrivals
        self._worker = worker
        self._closed_first = closed_first
        self._announced = Signal()
        self._trios = 0
        self._begin_s = 0.0
        self._first = 0
        self._coming = ArrivalQueue()
        self._due = ArrivalQueue()
        self._idle: deque[Waiter[None]] = deque()
        self._woken = 0
        self._looks_s = NEVER_S
        self._timer: Timer | None = None
        self._ended = False
        self._was_revoked = False
        self._is_empty = False
        self._last_taken_s = 0.0

    def grant(self, seconds: Sequence[GrantedSecond], in_s: float, trios: int) -> None:
        """These seconds may begin, the first of them ``in_s`` seconds from now."""
        begin_s = perf_counter() + in_s - seconds[0].second.number
        if not self._announced.is_set():
            self._begin_s, self._first = begin_s, seconds[0].second.number
            self._trios = trios
        elif perf_counter() < self._begin_s + self._first and begin_s < self._begin_s:
            # Each says the same, and was under way for a while: the least delayed is right.
            self._coming.shift(begin_s - self._begin_s)
            self._begin_s = begin_s
        for granted in seconds:
            begins_s, rate = self._begin_s + granted.second.number, granted.second.rate_per_s
            trial = granted.second.trial or UNSET
            mine = dict(
                dealt(granted.second, self._arrivals.kind, self._arrivals.seed, granted.shares)
            ).get(self._worker)
            if mine is None:
                continue
            self.counts.granted += len(mine)
            if self._ended:
                self.counts.withdrawn += len(mine)
            else:
                self._coming.add(begins_s, mine, rate, trial)
        self._closed_first = False
        self._announced.set()
        self._look_again(perf_counter())

    def tasks(self, coordinator: Coordinator) -> Iterator[Task]:
        """The phases of the round in their order, from the seat's place in its first round on.

        A task that asks nothing is done at once: no arrival is for it.
        """
        self._is_empty = False
        phases = coordinator.run.phases
        if not (self._announced.is_set() or self._is_reference(coordinator)):
            seat = coordinator.seat
            if not self._waits_for_second_0(coordinator):
                return
            if (seat.generation, coordinator.round) == (1, seat.first_round):
                phases = phases_from(coordinator.run, seat.trio, self._trios)
        if len(phases) < len(coordinator.run.phases):
            coordinator.last_round += 1  # this part of a round is not one of --rounds
        coordinator.begin_round()
        if coordinator.run.mix:
            yield from mixed(coordinator)
            return
        for phase in phases:
            for make_event in PHASE_FUNCTIONS[phase](coordinator):
                if asks_nothing(make_event):
                    make_event()
                else:
                    yield make_event
                if not coordinator.context.holds(coordinator.seat):
                    return

    def _waits_for_second_0(self, coordinator: Coordinator) -> bool:
        """Whether the seat is its own yet when it comes."""
        with coordinator.interruptible():
            while not self._announced.is_set():
                if not coordinator.context.holds(coordinator.seat):
                    return False
                self._announced.wait()
        return True

    def take(self, user: CoordinatorUser) -> Slot | None:
        """The next arrival, when it is there and the user has woken; None after the end."""
        user.end_if_stopping()
        if self._closed_first and user.coordinator and self._is_reference(user.coordinator):
            return Slot(user)
        slot = self._next(user, woken=False)
        while slot is None and not self._ended and self._sits(user):
            self._wait(user)
            slot = self._next(user, woken=True)
        return slot

    def _sits(self, user: CoordinatorUser) -> bool:
        """Whether its seat is its own still: a process without seats is granted no arrivals."""
        me = user.coordinator
        return not self._was_revoked or me is None or me.context.holds(me.seat)

    def _is_reference(self, coordinator: Coordinator) -> bool:
        """Whether it belongs to the trio that is alone before the schedule begins."""
        return self._closed_first and coordinator.seat.trio == 1

    def finished(self, slot: Slot) -> None:
        """Nothing: ``take`` is where a user waits, and may be stopped."""

    def left(self, user: CoordinatorUser) -> None:
        """Nothing: no arrival was the user's."""

    def revoked(self) -> None:
        """Wake all who wait: for the beginning, or for an arrival."""
        self._was_revoked = True
        if not self._announced.is_set():
            announced, self._announced = self._announced, Signal()
            announced.set()
        self._wake(len(self._idle))

    def all_done(self) -> None:
        """All users of the process have done their rounds: its schedule ended with the last task.

        What comes after that was taken is withdrawn, until somebody new begins a round.
        """
        if not self._announced.is_set():
            return  # only the reference's trio is there yet
        self._is_empty = True
        self.counts.withdrawn += self._due.drop_after(self._last_taken_s)

    def end(self) -> None:
        """Nothing begins any more: what waits is cut, what was to come is withdrawn.

        What came due while Locust was busy with its stop, and had no turn, is withdrawn too.
        """
        if self._ended:
            return
        self._ended = True
        now_s = perf_counter()
        self._miss(now_s)
        self.counts.cut += len(self._due)
        self.counts.withdrawn += len(self._coming)
        for batch in self._due.take_until(NEVER_S):
            self._count("cut", batch, now_s)
        self._coming = ArrivalQueue()
        self._stop_timer()

    def take_unserved(self) -> Unserved:
        """Those since it was asked last."""
        taken, self.unserved = self.unserved, Unserved()
        return taken

    def _wait(self, user: CoordinatorUser) -> None:
        """Until an arrival is due; who is stopped after it was woken wakes another."""
        waiter: Waiter[None] = Waiter()
        self._idle.append(waiter)
        if self._coming.first_s < self._looks_s:
            self._look_again(perf_counter())
        try:
            with user.interruptible():
                waiter.get()
        except BaseException:  # it is stopped: whatever it was woken for is another's
            if waiter in self._idle:
                self._idle.remove(waiter)
            else:
                self._woken -= 1
                self._wake_for_due()
            raise
        self._woken -= 1

    def _next(self, user: CoordinatorUser, *, woken: bool) -> Slot | None:
        """Take the arrival that has waited longest."""
        now_s = perf_counter()
        if self._coming.first_s <= now_s:
            self._move_due(now_s)
        if self._due:
            self._miss(now_s)
        if not self._due or self._ended:
            return None
        due_s, batch = self._due.pop()
        self.counts.begun += 1
        self._last_taken_s = now_s
        late_ms = (now_s - due_s) * MS
        # While a user is idle, whatever comes late is late because of this process.
        is_own = woken or bool(self._idle or self._woken)
        slot = Slot(
            user,
            Scheduled(
                intended=utc(CLOCK.anchor_s + due_s),
                offered_per_s=batch.offered_per_s,
                generator_ms=late_ms if is_own else 0.0,
                queue_ms=0.0 if is_own else late_ms,
                trial=batch.trial,
            ),
        )
        if user.coordinator is not None:
            user.coordinator.slot = slot
        return slot

    def _release(self) -> None:
        """Wake a user for each arrival that is due. The hub calls it, and wakes nobody for that."""
        self._looks_s = NEVER_S
        now_s = perf_counter()
        self._move_due(now_s)
        self._miss(now_s)
        self._wake_for_due()
        self._look_again(now_s)

    def _look_again(self, now_s: float) -> None:
        """Have ``_release`` called when the next arrival is due that somebody idle waits for."""
        at_s = now_s + LOOK_S
        if self._idle and self._coming:
            at_s = min(at_s, max(self._coming.first_s, now_s + TOGETHER_S))
        if at_s < self._looks_s and not self._ended:
            self._stop_timer()
            self._looks_s = at_s
            self._timer = gevent.get_hub().loop.timer(at_s - now_s)
            self._timer.start(self._release)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.close()
            self._timer = None

    def _wake_for_due(self) -> None:
        self._wake(min(len(self._due) - self._woken, len(self._idle)))

    def _wake(self, number: int) -> None:
        """Wake those who have been idle for longest."""
        loop = gevent.get_hub().loop
        for _ in range(number):
            self._woken += 1
            loop.run_callback(self._idle.popleft().switch, None)

    def _move_due(self, now_s: float) -> None:
        if self._is_empty:
            self.counts.withdrawn += sum(map(len, self._coming.take_until(now_s)))
        else:
            self._coming.move_until(now_s, self._due)

    def _miss(self, now_s: float) -> None:
        """Give up those that have waited too long."""
        before_s = now_s - self._arrivals.max_wait_s
        if self._due.first_s < before_s:
            for batch in self._due.take_before(before_s):
                self.counts.missed += len(batch)
                self._count("missed", batch, now_s)

    def _count(self, fate: ArrivalFate, batch: Batch, now_s: float) -> None:
        """By the second in which they were due, and by the whole ms that they had waited."""

        def key(due_s: float) -> tuple[int, int]:
            waited_s = min(now_s - due_s, self._arrivals.max_wait_s)
            return int(CLOCK.anchor_s + due_s), -int(waited_s * MS)

        for first_s, number in batch.alike(key):
            second, waited_ms = key(first_s)
            self.unserved.add(second, batch.offered_per_s, fate, -waited_ms, number)
