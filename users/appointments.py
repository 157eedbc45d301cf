"""Appointments: what a seat does when, by the scenario's clock.

A pure function of scenario, seed and seat, worked out where it is needed: it is the same to the
millisecond for any number of processes. An appointment is a phase of one seat, or one message or
new resume of such a phase; it is what somebody outside waits for, and what is timed.

Times are whole milliseconds of the scenario, from hour 0 on: midnight of its ``start`` in its
``zone``. Hours are as long as each other, on a day that changes its clocks too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from math import floor
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from mcstress.users.run import Run, drawn
from mcstress.users.scenarios.clock_model import HOURS, ArrivalSource, Shift
from mcstress.users.scenarios.model import InboxMessage, Resume, Scenario, Variant

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
DAY_MS = HOURS * HOUR_MS
PLANNED_MS = 2 * MINUTE_MS
"""What one event is planned to take a coordinator: how far apart those are that waited for a shift.
"""
_OF_64_BITS = 2.0**-64
FIRST_MAIL = 1_000_000
"""The number of the first message from outside; those of a timetable are below."""
HANDOVERS = ("handover", "handover_paraphrase")
_NEVER_MS = 2**62
_MOST = 1_000_000
"""Times of one entry: the clock ends long before."""


class Appointment(msgspec.Struct, frozen=True, gc=False):
    """One of a seat's, in the order of their times; ``number`` counts from 1.

    ``round`` is how many baselines the seat has begun, this one included, 1 at least. ``item``: the
    number of its message or resume; 0: all of the phase. ``asks_round``: the giver's round that a
    handover asks for, 0 where it recorded nothing yet. ``since_ms``: how long ago the baseline was
    that a reissue is paired with, -1 where there is none.
    """

    number: int
    at_ms: int
    phase: str
    round: int
    item: int = 0
    asks_round: int = 0
    since_ms: int = -1

    @property
    def hour(self) -> float:
        """When it is to begin, in hours since hour 0."""
        return self.at_ms / HOUR_MS

    @property
    def lacks_baseline(self) -> bool:
        """Whether it asks for what a baseline before it found, and there is none."""
        if self.phase in HANDOVERS:
            return not self.asks_round
        return self.phase == "reissue" and self.since_ms < 0


class Timetable(msgspec.Struct, frozen=True):
    """What appointments follow from. ``has_mail``: messages come from outside (users/mail.py)."""

    scenario: Scenario
    phases: list[str]
    seed: int
    hours: float
    has_mail: bool = False

    @classmethod
    def of(cls, run: Run) -> Timetable:
        """A run's; one without a clock has no appointment."""
        hours = run.clock.hours if run.clock else 0.0
        return cls(run.scenario, run.phases, run.seed, hours, run.mail is not None)

    @property
    def end_ms(self) -> int:
        """When the clock ends."""
        return round(self.hours * HOUR_MS)

    def share(self, *what: object) -> float:
        """A number in [0, 1) by the seed and ``what`` alone."""
        return drawn(self.seed, "clock", *what) * _OF_64_BITS


class Wanted(NamedTuple):
    """An appointment before shifts: ``order`` decides between those of one time."""

    at_ms: int
    order: tuple[int, ...]
    phase: str
    item: int
    events: int
    urgent: bool


def appointments(table: Timetable, persona: str, trio: int) -> list[Appointment]:
    """All of a seat's until the end of the clock, ascending."""
    givers = [one.from_persona for one in table.scenario.handovers if one.to_persona == persona]
    begun = [_begins(_placed(table, giver, trio)) for giver in dict.fromkeys(givers)]
    made: list[Appointment] = []
    rounds, baseline_ms = 0, -1
    for number, (at_ms, wanted) in enumerate(_placed(table, persona, trio), start=1):
        since_ms, asks = -1, 0
        if wanted.phase == "baseline":
            rounds, baseline_ms = rounds + 1, at_ms
        elif wanted.phase == "reissue" and baseline_ms >= 0:
            since_ms = at_ms - baseline_ms
        elif wanted.phase in HANDOVERS:
            asks = min((bisect_right(one, at_ms) for one in begun), default=0)
        made.append(
            Appointment(number, at_ms, wanted.phase, max(rounds, 1), wanted.item, asks, since_ms)
        )
    return made


def mail_times(table: Timetable, persona: str, dated: Iterable[tuple[int, bool]]) -> Iterator[int]:
    """When mail from outside is due: what comes outside of the persona's shifts waits for the next.

    ``dated``: its scenario ms, ascending, and whether it is urgent, which does not wait. Beyond the
    end of the clock for what no shift is left for.
    """
    shifts, free_ms = _Shifts(table, persona), 0
    for at_ms, urgent in dated:
        begins_ms = None if urgent else shifts.next_begin(at_ms)
        if begins_ms is None:
            yield at_ms
            continue
        due_ms = max(begins_ms, free_ms)
        free_ms = due_ms + PLANNED_MS
        yield due_ms


def _begins(placed: Iterable[tuple[int, Wanted]]) -> list[int]:
    return [at_ms for at_ms, wanted in placed if wanted.phase == "baseline"]


def events_of(scenario: Scenario, variant: Variant, persona: str, phase: str) -> int:
    """How many events a seat of ``persona`` has in a whole ``phase``; 1 where nobody can say."""
    demands = len(variant.contract_of(persona).demands)
    if phase in ("baseline", "surge", "reissue"):
        return demands
    if phase in HANDOVERS:
        taken = [one.contract for one in scenario.handovers if one.to_persona == persona]
        return sum(2 * len(variant.contract(name).demands) for name in taken)
    known = {
        "fresh_resume": sum(resume.persona == persona for resume in variant.resumes),
        "inbox": sum(message.persona == persona for message in variant.inbox),
        "swap": 2 * sum(swap.persona == persona for swap in scenario.swaps),
        "merge": sum(
            len(merge.contracts) * len(merge.roles)
            for merge in scenario.merges
            if merge.persona == persona
        ),
        "split": sum(len(one.roles) for one in scenario.splits if one.persona == persona),
    }
    return known.get(phase, 1)


def _placed(table: Timetable, persona: str, trio: int) -> list[tuple[int, Wanted]]:
    """What is wanted of a seat, each at its time: who has no shift then waits for the next.

    Those who wait are planned one after the other, in their order; what waits beyond the end of the
    clock is in none. A reissue is never before the baseline that came first.
    """
    wanted = sorted([*_timeline(table, persona, trio), *_arrivals(table, persona, trio)])
    shifts = _Shifts(table, persona)
    end_ms = table.end_ms
    found: list[tuple[int, Wanted]] = []
    free_ms = baseline_ends_ms = 0
    for one in wanted:
        at_ms = one.at_ms
        if not one.urgent and (begins_ms := shifts.next_begin(at_ms)) is not None:
            at_ms = max(begins_ms, free_ms)
            free_ms = at_ms + one.events * PLANNED_MS
        if one.phase == "reissue":
            at_ms = max(at_ms, baseline_ends_ms)
        elif one.phase == "baseline":
            baseline_ends_ms = at_ms + one.events * PLANNED_MS
        if at_ms < end_ms:
            found.append((at_ms, one))
    return sorted(found)


def _timeline(table: Timetable, persona: str, trio: int) -> Iterator[Wanted]:
    scenario, end_ms = table.scenario, table.end_ms
    variant = scenario.variant_of(trio)
    for index, item in enumerate(scenario.timeline):
        if item.phase == "inbox" and table.has_mail:
            continue
        if item.phase not in table.phases or (item.personas and persona not in item.personas):
            continue
        events = events_of(scenario, variant, persona, item.phase)
        last_ms = end_ms if item.until is None else min(end_ms, round(item.until * HOUR_MS) + 1)
        for nth in range(_MOST):
            at_ms = round((item.hour + nth * (item.every or 0)) * HOUR_MS)
            if at_ms >= last_ms or not events:
                break
            if item.spread:
                drawn = table.share("spread", persona, trio, index, nth)
                at_ms += floor(drawn * item.spread * MINUTE_MS)
            yield Wanted(at_ms, (0, index, nth), item.phase, 0, events, urgent=False)
            if item.every is None:
                break


def _arrivals(table: Timetable, persona: str, trio: int) -> Iterator[Wanted]:
    """Messages and resumes that come to a seat, of those that come to its trio."""
    for index, source in enumerate(table.scenario.arrivals):
        if source.phase not in table.phases or (source.phase == "inbox" and table.has_mail):
            continue
        pool = _Pool(table, source, trio, index)
        if pool.items:
            yield from _by_chance(table, pool, persona)
            yield from _bursts(table, pool, persona)


class _Pool:
    """The messages or resumes of a trio's wording, of which arrivals are drawn by weight.

    ``index``: the place of ``source`` among the scenario's.
    """

    def __init__(self, table: Timetable, source: ArrivalSource, trio: int, index: int) -> None:
        self.source, self.trio, self.index = source, trio, index
        variant, by = table.scenario.variant_of(trio), source.by
        self.items: list[tuple[InboxMessage | Resume, int]] = []
        weights: list[float] = []
        counted: dict[str, int] = {}
        of_phase = variant.inbox if source.phase == "inbox" else variant.resumes
        for item in of_phase:
            number = counted[item.persona] = counted.get(item.persona, 0) + 1
            weight = 1.0
            if isinstance(item, InboxMessage):
                weight = by.get(item.type, 1.0) * by.get(item.priority, 1.0)
            if weight > 0:
                self.items.append((item, number))
                weights.append(weight)
        self._up_to = [*accumulate(weights)]

    def draw(self, share: float) -> tuple[InboxMessage | Resume, int]:
        """The item at that share of the weights, and its number among its persona's."""
        return self.items[_place(self._up_to, share)]


def _place(up_to: list[float], share: float) -> int:
    """Which of the weights, told as their sums, a share of all falls into."""
    return min(bisect_right(up_to, share * up_to[-1]), len(up_to) - 1)


def _by_chance(table: Timetable, pool: _Pool, persona: str) -> Iterator[Wanted]:
    """As many a day as ``per_day`` says; where that is no whole number, one more on some days."""
    end_ms, source = table.end_ms, pool.source
    trio, index = pool.trio, pool.index
    for day in range(-(-end_ms // DAY_MS)):
        number = floor(source.per_day * (day + 1)) - floor(source.per_day * day)
        sums: list[float] = []
        for nth in range(number):
            item, its = pool.draw(table.share("arrival", trio, index, day, nth))
            if item.persona != persona:
                continue
            sums = sums or _profile(table, persona, source, day)
            drawn = table.share("hour", trio, index, day, nth)
            at_ms = day * DAY_MS + _within(sums, drawn)
            if at_ms < end_ms and sums[-1]:
                order = (1, index, day, nth)
                yield Wanted(at_ms, order, source.phase, its, 1, _is_urgent(item))


def _within(sums: list[float], share: float) -> int:
    """The ms of a day at which that share of its profile, whose sums these are, has passed."""
    hour = _place(sums, share)
    before = sums[hour - 1] if hour else 0.0
    weight = sums[hour] - before
    passed = (share * sums[-1] - before) / weight if weight else 0.0
    return floor((hour + min(max(passed, 0.0), 1.0)) * HOUR_MS)


def _profile(table: Timetable, persona: str, source: ArrivalSource, day: int) -> list[float]:
    """Sums of the weights of a day's hours, each that of the hour that it is for the persona."""
    local = _local_hours(hour_0(table.scenario), _zone_of(table.scenario, persona), day)
    return [*accumulate(source.profile[hour] for hour in local)]


@lru_cache(maxsize=1024)
def _local_hours(begin: datetime, zone: str, day: int) -> tuple[int, ...]:
    """Which hour of the zone's day each of the 24 of the clock's ``day`` begins in."""
    begins = begin + timedelta(hours=day * HOURS)
    return tuple(
        (begins + timedelta(hours=hour)).astimezone(ZoneInfo(zone)).hour for hour in range(HOURS)
    )


def _bursts(table: Timetable, pool: _Pool, persona: str) -> Iterator[Wanted]:
    """The pool's items in turn, the most urgent messages first."""
    for number, burst in enumerate(pool.source.bursts):
        at_ms = round(burst.hour * HOUR_MS)
        if at_ms >= table.end_ms:
            continue
        for nth in range(burst.messages):
            item, its = pool.items[nth % len(pool.items)]
            if item.persona == persona:
                order = (2, pool.index, number, nth)
                yield Wanted(at_ms, order, pool.source.phase, its, 1, _is_urgent(item))


def _is_urgent(item: InboxMessage | Resume) -> bool:
    return isinstance(item, InboxMessage) and item.priority == "urgent"


def hour_0(scenario: Scenario) -> datetime:
    """When the scenario's clock begins, in UTC."""
    midnight = datetime.combine(scenario.start, time(), ZoneInfo(scenario.zone))
    return midnight.astimezone(UTC)


def _zone_of(scenario: Scenario, persona: str) -> str:
    """That of the persona's first shift, or else the scenario's."""
    return next(
        (shift.zone for shift in scenario.shifts if shift.persona == persona), scenario.zone
    )


class _Shifts:
    """When a persona works, from before hour 0 to after the end of the clock; ascending."""

    def __init__(self, table: Timetable, persona: str) -> None:
        begin = hour_0(table.scenario)
        self._spans = sorted(
            span
            for shift in table.scenario.shifts
            if shift.persona == persona
            for span in _spans(shift, begin, table.end_ms)
        )
        self._begins = [begin_ms for begin_ms, _ in self._spans]

    def next_begin(self, at_ms: int) -> int | None:
        """When the next shift begins; None in a shift, or where the persona has none at all.

        Behind the last one it is the end of all time.
        """
        if not self._spans or any(begin <= at_ms < end for begin, end in self._spans):
            return None
        after = bisect_right(self._begins, at_ms)
        return self._begins[after] if after < len(self._begins) else _NEVER_MS


@lru_cache(maxsize=1024)
def _spans(shift: Shift, begin: datetime, end_ms: int) -> tuple[tuple[int, int], ...]:
    """A shift's begins and ends by its zone's wall clock, in ms since hour 0."""
    zone = ZoneInfo(shift.zone)
    first = begin.astimezone(zone).date() - timedelta(days=1)
    past_midnight = HOURS if shift.to < shift.from_ else 0

    def at(day: int, hour: float) -> int:
        # Of one zone, datetimes are added to by the wall clock.
        wall = datetime.combine(first + timedelta(days=day), time(), zone) + timedelta(hours=hour)
        return round((wall.astimezone(UTC) - begin) / timedelta(milliseconds=1))

    days = range(end_ms // DAY_MS + 4)
    return tuple((at(day, shift.from_), at(day, shift.to + past_midnight)) for day in days)
