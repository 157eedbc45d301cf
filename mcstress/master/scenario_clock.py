"""The master's part of a run by the clock: when hour 0 is, and up to when appointments may begin.

A worker works its seats' appointments out by itself. What it is let begin lies a few seconds ahead:
less than it takes until a silent worker's seats are given to others, so that one that wakes again
doubles nothing.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from math import ceil

import msgspec

from mcstress.master.mail_blocks import HandedOut, MailByClock
from mcstress.master.offered_load import BEGINS_IN_S
from mcstress.master.seat_pool import Place, SeatPool
from mcstress.master.worker_registry import WorkerState
from mcstress.metrics.appointments import AppointmentRow, AppointmentTotals, totals
from mcstress.metrics.number_format import shown_hour
from mcstress.services.steady_clock import CLOCK
from mcstress.users.appointments import HOUR_MS, Timetable, appointments
from mcstress.users.run import ClockPace, Run, Seat

AHEAD_S = 3.0
TICK_S = 0.5
MASTER = "the master"
MS = 1000

logger = logging.getLogger(__name__)


class Sitting(msgspec.Struct):
    """A worker's user on a seat: since when, in scenario ms."""

    worker: str
    from_ms: int


class ScenarioClock:
    """One run's. ``rows``: what workers told of appointments that are over, by worker."""

    def __init__(self, run: Run, pace: ClockPace, max_wait_s: float) -> None:
        self.pace = pace
        self.hour_0_s: float | None = None
        self.rows: list[AppointmentRow] = []
        self.told: Counter[str] = Counter()
        self._table = Timetable.of(run)
        self._max_wait_s = max_wait_s
        self._ended_s: float | None = None
        self._sitting: dict[Place, Sitting] = {}
        self._until_ms: dict[Place, int] = {}
        self._let_ms = 0
        self._due: Counter[str] = Counter()

    def begin(self) -> None:
        """Hour 0 is soon: a whole Unix second, as slots of timelines are."""
        now_s = CLOCK.now_s()
        self.hour_0_s = float(round(now_s + BEGINS_IN_S))
        logger.info(
            "hour 0 of the clock is in %.1f s; its %g hours take %g s (--time-scale %g)",
            self.hour_0_s - now_s,
            self.pace.hours,
            self.pace.lasts_s,
            self.pace.time_scale,
        )

    @property
    def _now_s(self) -> float:
        return CLOCK.now_s() if self._ended_s is None else self._ended_s

    def hour_at(self, unix_s: float) -> float:
        """The scenario's hour at a Unix time; before hour 0 it is negative."""
        began_s = unix_s + BEGINS_IN_S if self.hour_0_s is None else self.hour_0_s
        return (unix_s - began_s) * self.pace.time_scale * MS / HOUR_MS

    @property
    def _now_ms(self) -> float:
        return self.hour_at(self._now_s) * HOUR_MS

    @property
    def time_of_day(self) -> str:
        """``day 2, 09:12``; empty before hour 0."""
        hour = self.hour_at(self._now_s)
        return shown_hour(min(hour, self.pace.hours)) if hour >= 0 else ""

    @property
    def is_over(self) -> bool:
        """Whether what was in time at the clock's end must be over by now."""
        if self.hour_0_s is None:
            return False
        return CLOCK.now_s() > self.hour_0_s + self.pace.lasts_s + self._max_wait_s

    def grant(self) -> tuple[float, int] | None:
        """In how many seconds hour 0 is, and up to when appointments may begin; None before."""
        if self.hour_0_s is None or self._ended_s is not None:
            return None
        ahead_ms = self.hour_at(CLOCK.now_s() + AHEAD_S) * HOUR_MS
        self._let_ms = max(round(ahead_ms), self._let_ms)
        return self.hour_0_s - CLOCK.now_s(), self._let_ms

    def end(self) -> None:
        """Nothing begins any more; twice is once."""
        if self._ended_s is None:
            self._ended_s = CLOCK.now_s()

    def seated(self, seat: Seat, worker: str) -> int:
        """A worker's user has the seat: its appointments from when on, in scenario ms.

        From now on, but for what its last holder may have begun.
        """
        place = seat.persona, seat.trio
        from_ms = max(ceil(self._now_ms), self._until_ms.get(place, 0), 0)
        self._sitting[place] = Sitting(worker, from_ms)
        return from_ms

    def freed(self, seat: Seat, until_ms: int | None) -> None:
        """Nobody has it any more; what was before ``until_ms`` was its holder's.

        None: its worker is lost, and may have begun all that it was let.
        """
        place = seat.persona, seat.trio
        latest_ms = max(self._let_ms, ceil(self._now_ms))
        until_ms = self._let_ms if until_ms is None else min(until_ms, latest_ms)
        if (sitting := self._sitting.pop(place, None)) is not None:
            self._until_ms[place] = max(until_ms, sitting.from_ms)
            self._due[sitting.worker] += self._due_in(place, sitting.from_ms, until_ms)

    def _due_in(self, place: Place, from_ms: float, until_ms: float) -> int:
        """How many of its appointments come in this time, the end not included."""
        times = [one.at_ms for one in appointments(self._table, *place)]
        until_ms = min(until_ms, self._table.end_ms)
        return max(bisect_left(times, until_ms) - bisect_left(times, from_ms), 0)

    def take(self, worker: str, rows: Iterable[AppointmentRow]) -> None:
        """What a worker told."""
        rows = [*rows]
        self.rows += rows
        self.told[worker] += len(rows)

    def hand_out(self, mail: MailByClock, seats: SeatPool) -> HandedOut:
        """Mail that is nearly due, by worker. What nobody was there for in time is missed."""

        def holder(persona: str, trio: int) -> str | None:
            lease = seats.at(persona, trio)
            return None if lease is None else lease.worker

        ahead_ms = self.hour_at(CLOCK.now_s() + AHEAD_S) * HOUR_MS
        found = mail.hand_out(ahead_ms, holder)
        for worker, its in found.items():
            self._due[worker] += len(its)
        waited_ms = self._max_wait_s * MS
        too_late_ms = self.hour_at(CLOCK.now_s() - self._max_wait_s) * HOUR_MS
        for one in mail.unclaimed(too_late_ms):
            name = Seat(one.persona, one.trio).name
            self.rows.append(
                AppointmentRow(
                    one.at_ms, name, one.number, "inbox", "missed", 0.0, waited_ms, waited_ms
                )
            )
            self.told[MASTER] += 1
        return found

    def due_of(self, worker: str) -> int:
        """How many appointments came while users of the worker had their seats."""
        now_ms = self._now_ms
        return self._due[worker] + sum(
            self._due_in(place, sitting.from_ms, now_ms)
            for place, sitting in self._sitting.items()
            if sitting.worker == worker
        )


def appointment_totals(
    clock: ScenarioClock, parts: Iterable[WorkerState], rows: list[AppointmentRow]
) -> AppointmentTotals:
    """What became of all appointments; ``rows``: what was told, or is in the files of the run.

    What a lost worker did not tell, and has not written down, is unknown.
    """
    lost = [part.name for part in parts if part.lost]
    unknown = sum(max(clock.due_of(name) - clock.told[name], 0) for name in lost)
    found = max(len(rows) - clock.told.total(), 0)  # a lost worker's file may hold more
    return totals(rows, max(unknown - found, 0))
