"""The clock: each seat's appointments begin when the scenario's timeline says so.

A process works its seats' appointments out by itself (users/appointments.py). The master tells
when hour 0 is and up to when they may begin, a few seconds ahead: a process that was frozen wakes
to what was its own before its seats were given to others, and to nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from copy import copy
from math import ceil
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec
from gevent.event import Event as Signal

from mcstress.load.pacer import Slot
from mcstress.metrics.appointments import AppointmentFate, AppointmentRow
from mcstress.metrics.event import Scheduled, utc
from mcstress.services.steady_clock import CLOCK
from mcstress.users.appointments import HANDOVERS, HOUR_MS, Appointment, Timetable, appointments
from mcstress.users.handover_board import Recordings
from mcstress.users.mail import Mail
from mcstress.users.mail_dates import DueMail
from mcstress.users.phases import PHASE_FUNCTIONS, Task, asks_nothing
from mcstress.users.run import ClockPace, Seat

if TYPE_CHECKING:
    from mcstress.users.coordinator import Coordinator
    from mcstress.users.persona import CoordinatorUser

MS = 1000


class Begun(msgspec.Struct, gc=False):
    """An appointment that is on, by ``perf_counter``; ``ended_s``: the end of its last event."""

    appointment: Appointment
    due_s: float
    began_s: float
    was_idle: bool
    ended_s: float = 0.0
    scheduled: Scheduled | None = None

    @property
    def late_ms(self) -> tuple[float, float]:
        """How long it waited while its user was idle, and while that was busy."""
        late_ms = max(self.began_s - self.due_s, 0.0) * MS
        return (late_ms, 0.0) if self.was_idle else (0.0, late_ms)


class SeatDay:
    """What is left of a seat's appointments, and the one that is on.

    ``mail``: messages from outside, by their appointment's number. ``news`` wakes its user.
    ``has_baseline``: whether the seat's holder has begun the baseline that later ones need.
    ``up_to_ms``: where the seat was given to others, what is before is this process's own yet.
    """

    def __init__(self, coming: list[Appointment]) -> None:
        self.coming = deque(coming)
        self.mail: dict[int, Mail] = {}
        self.news = Signal()
        self.on: Begun | None = None
        self.has_baseline = False
        self.up_to_ms: int | None = None

    def put(self, due: DueMail) -> None:
        """Take a message from outside in, at its time."""
        self.mail[due.number] = due.mail
        later = next((n for n, one in enumerate(self.coming) if one.at_ms > due.at_ms), None)
        self.coming.insert(len(self.coming) if later is None else later, _of_mail(due))
        self.wake()

    def wake(self) -> None:
        """Have its user look again at what comes next."""
        news, self.news = self.news, Signal()
        news.set()


class ClockPacer:
    """Drives the users of one process by the scenario's clock."""

    def __init__(self, pace: ClockPace, max_wait_s: float) -> None:
        self._pace = pace
        self._max_wait_s = max_wait_s
        self._hour_0_s: float | None = None
        self._up_to_ms = 0
        self._granted = Signal()
        self._days: dict[Seat, SeatDay] = {}
        self._from_ms: dict[Seat, int] = {}
        self._until_ms: dict[Seat, int] = {}
        self._mail_waits: dict[tuple[str, int], list[DueMail]] = {}
        self._rows: list[AppointmentRow] = []
        self._ended = False

    def grant(self, hour_0_in_s: float, up_to_ms: int, mail: Sequence[DueMail] = ()) -> None:
        """Hour 0 is in so many seconds (or was); what is due before ``up_to_ms`` may begin.

        ``mail`` is for seats of this process.
        """
        hour_0_s = perf_counter() + hour_0_in_s
        if self._hour_0_s is None:
            self._hour_0_s = hour_0_s
        elif perf_counter() < self._hour_0_s > hour_0_s:
            # Each says the same, and was under way for a while: the least delayed is right.
            self._hour_0_s = hour_0_s
            for day in self._days.values():
                day.wake()
        self._up_to_ms = max(self._up_to_ms, up_to_ms)
        for due in mail:
            self._put(due)
        self._wake()

    def _wake(self) -> None:
        granted, self._granted = self._granted, Signal()
        granted.set()

    def seated(self, seat: Seat, from_ms: int) -> None:
        """The seat is this process's, which is to do its appointments from then on."""
        self._from_ms[seat] = from_ms

    def until_ms(self, seat: Seat) -> int:
        """Up to when its appointments were done or given up here; 0 where it never began."""
        self._from_ms.pop(seat, None)
        return self._until_ms.pop(seat, 0)

    def _put(self, due: DueMail) -> None:
        """A message that is nearly due; where its seat's user is not there yet, it waits for it."""
        its = (day for seat, day in self._days.items() if (seat.persona, seat.trio) == due.place)
        day = next(its, None)
        if day is None:
            self._mail_waits.setdefault(due.place, []).append(due)
        else:
            day.put(due)

    def tasks(self, coordinator: Coordinator) -> Iterator[Task]:
        """What the seat has to do until the clock ends, each in its time."""
        with coordinator.interruptible():
            while self._hour_0_s is None and coordinator.context.holds(coordinator.seat):
                self._granted.wait()
        if self._hour_0_s is None:
            return
        day = self._day_of(coordinator)
        if day.on is not None:  # it raised
            self._close(coordinator, day, "cut")
        while (begun := self._next(coordinator, day)) is not None:
            yield from self._events(coordinator, day, begun)
        if coordinator.context.holds(coordinator.seat):
            yield _nothing  # no slot is there for it any more

    def take(self, user: CoordinatorUser) -> Slot | None:
        """At once: the user has waited for its appointment; None after the last one."""
        user.end_if_stopping()
        coordinator = user.coordinator
        day = None if coordinator is None else self._days.get(coordinator.seat)
        if coordinator is None or day is None or day.on is None:
            return None
        slot = coordinator.slot = Slot(user, _scheduled(day.on))
        return slot

    def finished(self, slot: Slot) -> None:
        """Note when; the next event of the appointment follows at once."""
        if slot.user.coordinator is None:
            return
        day = self._days.get(slot.user.coordinator.seat)
        if day is not None and day.on is not None:
            day.on.ended_s = perf_counter()

    def left(self, user: CoordinatorUser) -> None:
        """What the user was at, and what waited for it, is cut; its seat's next holder goes on."""
        if user.coordinator is None:
            return
        day = self._days.pop(user.coordinator.seat, None)
        if day is None:
            return
        if day.on is not None:
            self._close(user.coordinator, day, "cut")
        until_ms = ceil(self._now_ms()) if day.up_to_ms is None else day.up_to_ms
        self._give_up(user.coordinator.name, day, until_ms)
        self._until_ms[user.coordinator.seat] = until_ms

    def revoked(self) -> None:
        """What was let begin before the seats were given to others stays theirs, and no more."""
        for day in self._days.values():
            day.up_to_ms = self._up_to_ms
            day.wake()
        self._from_ms.clear()
        self._wake()

    def end(self) -> None:
        """Nothing begins any more; each user's appointments are given up when it leaves."""
        self._ended = True
        for due in (due for its in self._mail_waits.values() for due in its):
            now_s, name = perf_counter(), Seat(*due.place).name
            self._note(name, Begun(_of_mail(due), now_s, now_s, was_idle=False), "cut")
        self._mail_waits.clear()
        self._wake()

    def take_rows(self) -> list[AppointmentRow]:
        """What was over since it was asked last."""
        rows, self._rows = self._rows, []
        return rows

    def _day_of(self, coordinator: Coordinator) -> SeatDay:
        """The seat's; one that comes after hour 0 begins at the present hour."""
        seat, run = coordinator.seat, coordinator.run
        day = self._days.get(seat)
        if day is None:
            coming = appointments(Timetable.of(run), seat.persona, seat.trio)
            from_ms = self._from_ms.get(seat, self._now_ms())
            day = SeatDay([one for one in coming if one.at_ms >= from_ms])
            self._days[seat] = day
            for due in self._mail_waits.pop((seat.persona, seat.trio), ()):
                day.put(due)
            begun = [one.round for one in coming if one.phase == "baseline" and one.at_ms < from_ms]
            if begun:
                _say_that_nothing_is_recorded(coordinator, max(begun))
        return day

    def _now_ms(self) -> float:
        """The present time in scenario ms."""
        assert self._hour_0_s is not None
        return (perf_counter() - self._hour_0_s) * self._pace.time_scale * MS

    def _due_s(self, at_ms: float) -> float:
        """When a scenario time is, by ``perf_counter``."""
        assert self._hour_0_s is not None
        return self._hour_0_s + at_ms / (self._pace.time_scale * MS)

    def _next(self, coordinator: Coordinator, day: SeatDay) -> Begun | None:
        """The next appointment when it is due; None at the end, and where the seat is lost."""
        ends_s, was_idle = self._due_s(self._pace.hours * HOUR_MS), False
        while not self._ended and coordinator.context.holds(coordinator.seat):
            now_s = perf_counter()
            if now_s >= ends_s:
                self._give_up(coordinator.name, day, ceil(self._pace.hours * HOUR_MS))
                return None
            first = day.coming[0] if day.coming else None
            due_s = ends_s if first is None else self._due_s(first.at_ms)
            if first is not None and due_s <= now_s and first.at_ms < self._up_to_ms:
                day.coming.popleft()
                begun = Begun(first, due_s, now_s, was_idle)
                if self._begins(coordinator, day, begun):
                    return begun
                continue
            was_idle = True
            wait_s = min(due_s, ends_s) - now_s
            with coordinator.interruptible():
                if wait_s > 0:
                    day.news.wait(wait_s)
                else:
                    self._granted.wait()  # the master has not let it begin yet
        return None

    def _begins(self, coordinator: Coordinator, day: SeatDay, begun: Begun) -> bool:
        """Whether it can be done now; else it is given up."""
        one, seat = begun.appointment, coordinator.seat
        fate: AppointmentFate | None = None
        if begun.began_s - begun.due_s > self._max_wait_s:
            fate = "missed"
        elif one.lacks_baseline or (_needs_its_own(one, seat) and not day.has_baseline):
            fate = "skipped"
        if one.phase == "baseline":
            coordinator.round = one.round
            coordinator.begin_round()
            day.has_baseline = fate is None
            if fate is not None:
                _say_that_nothing_is_recorded(coordinator, one.round)
        coordinator.dated_mail = day.mail.pop(one.number, None)
        if fate is None:
            day.on, coordinator.appointment = begun, one
            coordinator.round = one.round or coordinator.round
            return True
        self._note(coordinator.name, begun, fate)
        return False

    def _events(self, coordinator: Coordinator, day: SeatDay, begun: Begun) -> Iterator[Task]:
        """The events of an appointment; one that asks nothing has no slot."""
        has_asked = False
        for make_event in PHASE_FUNCTIONS[begun.appointment.phase](coordinator):
            if asks_nothing(make_event):
                make_event()
            else:
                has_asked = True
                yield make_event
            if not coordinator.context.holds(coordinator.seat):
                break
        else:
            self._close(coordinator, day, "done" if has_asked else "skipped")

    def _close(self, coordinator: Coordinator, day: SeatDay, fate: AppointmentFate) -> None:
        begun, day.on, coordinator.appointment = day.on, None, None
        if begun is not None:
            self._note(coordinator.name, begun, fate)

    def _give_up(self, name: str, day: SeatDay, until_ms: int) -> None:
        """What is before ``until_ms``, and before the clock's end, is cut, or was missed."""
        now_s, until_ms = perf_counter(), min(until_ms, ceil(self._pace.hours * HOUR_MS))
        while day.coming and day.coming[0].at_ms < until_ms:
            first = day.coming.popleft()
            begun = Begun(first, self._due_s(first.at_ms), now_s, was_idle=False)
            too_late = now_s - begun.due_s > self._max_wait_s
            self._note(name, begun, "missed" if too_late else "cut")

    def _note(self, name: str, begun: Begun, fate: AppointmentFate) -> None:
        one, (generator_ms, queue_ms) = begun.appointment, begun.late_ms
        until_s = begun.ended_s if fate == "done" else perf_counter()
        response_ms = max(until_s - begun.due_s, 0.0) * MS
        if fate == "missed":
            response_ms = min(response_ms, self._max_wait_s * MS)
        self._rows.append(
            AppointmentRow(
                one.at_ms, name, one.number, one.phase, fate, generator_ms, queue_ms, response_ms
            )
        )


def _scheduled(begun: Begun) -> Scheduled:
    """Of the appointment's next event: all but the time of those before it is as of the first."""
    if begun.scheduled is not None:
        scheduled = copy(begun.scheduled)
        scheduled.before_ms, scheduled.response_ms = (perf_counter() - begun.began_s) * MS, None
        return scheduled
    appointment, since_ms = begun.appointment, begun.appointment.since_ms
    generator_ms, queue_ms = begun.late_ms
    begun.scheduled = Scheduled(
        intended=utc(CLOCK.anchor_s + begun.due_s),
        generator_ms=generator_ms,
        queue_ms=queue_ms,
        hour=appointment.hour,
        appointment=appointment.number,
        since_baseline_h=since_ms / HOUR_MS if since_ms >= 0 else None,
    )
    return begun.scheduled


def _of_mail(due: DueMail) -> Appointment:
    """The appointment of a message; its round is the one that its coordinator is in then."""
    return Appointment(due.number, due.at_ms, "inbox", 0)


def _needs_its_own(one: Appointment, seat: Seat) -> bool:
    """Whether the seat's holder must have begun the baseline before it.

    A seat that is leased again takes nothing over either until then.
    """
    return one.phase == "reissue" or (seat.generation > 1 and one.phase in HANDOVERS)


def _say_that_nothing_is_recorded(coordinator: Coordinator, round_: int) -> None:
    """Nobody waits for what a seat will not record: its baseline went by."""
    seat = coordinator.seat
    if coordinator.gives and seat.first_round <= round_:
        nothing = Recordings(seat.persona, seat.trio, round_, coordinator.namespace, {})
        coordinator.context.publish(nothing)


def _nothing() -> None:
    """What follows the last appointment."""
