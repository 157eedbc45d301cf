"""Users do their appointments when the clock says so; what cannot be done in time is given up."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from time import perf_counter
from types import SimpleNamespace

import gevent
import msgspec
import pytest
from gevent.event import Event as Signal
from locust.user.task import LOCUST_STATE_RUNNING
from test_pacer import Context

from mcstress.load.clock import ClockPacer
from mcstress.locust_compat import StoppableUser
from mcstress.services.steady_clock import CLOCK
from mcstress.users import phases
from mcstress.users.appointments import FIRST_MAIL, HOUR_MS, Timetable, appointments
from mcstress.users.mail import Mail
from mcstress.users.mail_dates import DueMail
from mcstress.users.phases.registry import Silent
from mcstress.users.run import ClockPace, Seat
from mcstress.users.scenarios.clock_model import TimelineEntry

DEADLINE_S = 10
SCALE = 36_000
"""An hour in 0.1 s."""
HOUR_S = 3600 / SCALE
ALWAYS = 10**12


class User(StoppableUser):
    """One that Locust could stop, without Locust."""

    abstract = True

    def __init__(self, coordinator):
        self._state = LOCUST_STATE_RUNNING
        self.coordinator = coordinator


class Clocked:
    """A pacer, the run that it paces, and what its users did: (persona, round, phase)."""

    def __init__(self, monkeypatch, *timeline, hours=10.0, max_wait_s=10.0):
        self.done = []
        self.busy_s = {}
        self.published = []
        base = Context(None).run
        scenario = msgspec.structs.replace(
            base.scenario, shifts=[], arrivals=[], zone="UTC",
            timeline=[TimelineEntry(*item) for item in timeline],
        )  # fmt: skip
        its_phases = ["baseline", "surge", "handover", "reissue"]
        self.run = msgspec.structs.replace(
            base, scenario=scenario, phases=its_phases, clock=ClockPace(hours, SCALE)
        )
        self.pacer = ClockPacer(self.run.clock, max_wait_s)
        self.held = set()
        for name in its_phases:
            monkeypatch.setitem(phases.PHASE_FUNCTIONS, name, self._phase(name))

    def _phase(self, name):
        def tasks(me):
            for _ in range(2):
                yield lambda: self._do(me, name)
            yield Silent(list)

        return tasks

    def _do(self, me, name):
        if (busy := self.busy_s.get(name)) is not None:
            busy.wait() if isinstance(busy, Signal) else gevent.sleep(busy)
        self.done.append((me.seat.persona, me.round, name, me.slot.scheduled))

    def coordinator(self, persona="alice", **seat):
        me = SimpleNamespace(
            seat=Seat(persona, 1, **seat), run=self.run, slot=None, appointment=None, round=1,
            namespace="p_alice", gives=persona == "alice", interruptible=nullcontext,
            begin_round=list,
        )  # fmt: skip
        me.name = me.seat.name
        me.context = SimpleNamespace(
            holds=lambda seat: seat in self.held, publish=self.published.append
        )
        self.held.add(me.seat)
        return me

    def live(self, me):
        """A user's life, as a persona leads it; ends with the clock."""
        user = User(me)

        def rounds():
            for make_event in self.pacer.tasks(me):
                if (slot := self.pacer.take(user)) is None:
                    return
                make_event()
                self.pacer.finished(slot)

        return user, gevent.spawn(rounds)

    def begin(self, in_s=0.0, up_to_ms=ALWAYS):
        self.pacer.grant(in_s, up_to_ms)

    def fates(self):
        rows = self.pacer.take_rows()
        return [
            (row.at_ms / HOUR_MS, row.phase, row.fate)
            for row in sorted(rows, key=lambda r: r.number)
        ]


@pytest.fixture
def clocked(monkeypatch):
    def make(*timeline, **how):
        return Clocked(monkeypatch, *timeline, **how)

    return make


def join(*greenlets):
    with gevent.Timeout(DEADLINE_S):
        gevent.joinall(greenlets, raise_error=True)


def until(condition):
    with gevent.Timeout(DEADLINE_S):
        while not condition():
            gevent.sleep(0.005)


def test_each_appointment_begins_in_its_time_and_its_response_ends_with_its_last_event(clocked):
    its = clocked((1, "baseline"), (3, "reissue"), (3, "surge"))
    its.busy_s["reissue"] = 0.05
    me = its.coordinator()
    _, greenlet = its.live(me)
    gevent.sleep(0.01)  # time for it to begin, though it must not
    assert its.done == [], "hour 0 is when the master says"
    began_s = perf_counter()
    its.begin(in_s=0.1)
    join(greenlet)
    assert perf_counter() - began_s >= 0.1 + 10 * HOUR_S, "the clock runs its hours"
    done = [(round_, phase) for _, round_, phase, _ in its.done]
    assert done == [(1, phase) for phase in ("baseline", "reissue", "surge") for _ in range(2)]
    first, second, again, _, late, _ = (scheduled for *_, scheduled in its.done)
    for scheduled, hour in ((first, 1), (second, 1), (again, 3), (late, 3)):
        assert scheduled.hour == hour
        due_s = CLOCK.anchor_s + began_s + 0.1 + hour * HOUR_S
        assert scheduled.intended.timestamp() == pytest.approx(due_s, abs=0.02)
    assert (first.appointment, again.appointment) == (1, 2)
    assert again.since_baseline_h == pytest.approx(2)
    assert first.queue_ms == 0
    assert late.queue_ms >= 2 * 50, "behind the reissue"
    rows = {row.phase: row for row in its.pacer.take_rows()}
    assert {row.fate for row in rows.values()} == {"done"}
    assert rows["reissue"].response_ms >= 2 * 50
    assert rows["surge"].response_ms >= rows["surge"].queue_ms == late.queue_ms
    assert its.pacer.take_rows() == []


def test_what_waited_too_long_is_missed_and_what_needs_it_is_skipped(clocked):
    its = clocked((1, "surge"), (2, "baseline"), (5, "reissue"), (8, "baseline"), (9, "reissue"),
                  max_wait_s=0.25)  # fmt: skip
    its.busy_s["surge"] = 0.25
    _, greenlet = its.live(its.coordinator())
    its.begin()
    join(greenlet)
    assert its.fates() == [
        (1, "surge", "done"), (2, "baseline", "missed"), (5, "reissue", "skipped"),
        (8, "baseline", "done"), (9, "reissue", "done"),
    ]  # fmt: skip
    assert [(one.round, one.answers) for one in its.published] == [(1, {})], "nobody waits for it"
    assert [round_ for _, round_, phase, _ in its.done if phase == "reissue"] == [2, 2]


def test_who_comes_late_begins_at_the_present_hour(clocked):
    its = clocked((1, "baseline"), (2, "surge"), (5, "reissue"), (7, "baseline"), (8, "reissue"))
    its.begin(in_s=-3 * HOUR_S)
    _, greenlet = its.live(its.coordinator())
    join(greenlet)
    assert its.fates() == [
        (5, "reissue", "skipped"), (7, "baseline", "done"), (8, "reissue", "done"),
    ]  # fmt: skip
    assert [one.round for one in its.published] == [1], "bob does not wait for hour 1"


def test_a_seat_leased_again_takes_nothing_over_until_its_next_baseline(clocked):
    its = clocked((1, "baseline"), (5, "handover"), (6, "baseline"), (7, "handover"))
    its.begin(in_s=-3 * HOUR_S)
    first = its.coordinator("bob")
    _, greenlet = its.live(first)
    join(greenlet)
    assert ("bob", 1, "handover") in [one[:3] for one in its.done], "one that comes late may"
    its.done.clear()
    its.pacer.take_rows()
    its = clocked((1, "baseline"), (5, "handover"), (6, "baseline"), (7, "handover"))
    its.begin(in_s=-3 * HOUR_S)
    again = its.coordinator("bob", generation=2, first_round=2)
    _, greenlet = its.live(again)
    join(greenlet)
    assert its.fates() == [
        (5, "handover", "skipped"), (6, "baseline", "done"), (7, "handover", "done"),
    ]  # fmt: skip


def test_nothing_begins_that_the_master_has_not_let_begin(clocked):
    its = clocked((1, "surge"), (4, "surge"))
    _, greenlet = its.live(its.coordinator())
    its.begin(up_to_ms=2 * HOUR_MS)
    until(lambda: len(its.done) == 2)
    gevent.sleep(4 * HOUR_S)  # beyond the second one, which must not begin by time alone
    assert len(its.done) == 2
    its.begin(up_to_ms=5 * HOUR_MS)
    join(greenlet)
    assert its.fates() == [(1, "surge", "done"), (4, "surge", "done")]
    assert its.done[2][3].generator_ms > 0, "its user was idle"


def test_a_seat_that_is_lost_begins_nothing_more(clocked):
    its = clocked((1, "surge"), (4, "surge"))
    me = its.coordinator()
    _, greenlet = its.live(me)
    its.begin()
    until(lambda: its.done)
    its.held.clear()
    join(greenlet)
    assert len(its.done) <= 2


def test_a_seat_that_was_given_to_others_is_left_at_once_and_each_appointment_is_ones_own(clocked):
    """A worker that froze wakes: what it was let begin is its own, the rest the next holder's."""
    timeline = [(0.5, "baseline"), (1, "surge", [], 1, 7)]
    frozen = clocked(*timeline, hours=1000)
    me = frozen.coordinator()
    user, greenlet = frozen.live(me)
    frozen.begin(up_to_ms=int(3.5 * HOUR_MS))
    until(lambda: frozen.done)
    while perf_counter() < frozen.pacer._due_s(4.7 * HOUR_MS):
        pass  # frozen
    frozen.held.clear()
    frozen.pacer.revoked()
    join(greenlet)  # long before the clock ends
    frozen.pacer.left(user)
    assert frozen.pacer.until_ms(me.seat) == 3.5 * HOUR_MS
    other = clocked(*timeline, hours=8)
    again = other.coordinator(generation=2)
    other.begin(in_s=-4.7 * HOUR_S)
    other.pacer.seated(again.seat, int(3.5 * HOUR_MS))
    _, greenlet = other.live(again)
    join(greenlet)
    first, then = frozen.fates(), other.fates()
    assert [hour for hour, *_ in [*first, *then]] == [0.5, *range(1, 8)]
    assert len(first) == 4


def test_hour_0_is_what_the_least_delayed_grant_says(clocked):
    its = clocked((1, "surge"))
    began_s = perf_counter()
    me = its.coordinator()
    _, greenlet = its.live(me)
    its.begin(in_s=0.5)
    gevent.sleep(0)
    its.begin(in_s=0.2)
    join(greenlet)
    due_s = CLOCK.anchor_s + began_s + 0.2 + HOUR_S
    assert its.done[0][3].intended.timestamp() == pytest.approx(due_s, abs=0.02)
    assert its.done[0][3].generator_ms < 100, "its user was woken"


def test_the_end_cuts_what_is_on_and_what_waits_and_counts_no_more(clocked):
    its = clocked((1, "surge"), (2, "baseline"), (3, "reissue"), (9, "surge"))
    its.busy_s["surge"] = Signal()
    me = its.coordinator()
    user, greenlet = its.live(me)
    its.begin()
    until(lambda: perf_counter() > its.pacer._due_s(2.5 * HOUR_MS))
    its.pacer.end()
    greenlet.kill()
    its.pacer.left(user)
    assert its.fates() == [(1, "surge", "cut"), (2, "baseline", "cut")]
    its.pacer.left(user)
    assert its.fates() == []


def test_what_waits_when_the_clock_ends_is_cut(clocked):
    its = clocked((1, "surge"), (2, "baseline"), hours=4.0)
    its.busy_s["surge"] = 0.25
    _, greenlet = its.live(its.coordinator())
    its.begin()
    join(greenlet)
    assert its.fates() == [(1, "surge", "done"), (2, "baseline", "cut")]


def test_a_task_that_raised_is_cut_and_the_seat_goes_on_with_the_next(clocked):
    its = clocked((1, "surge"), (3, "baseline"))
    me = its.coordinator()
    user = User(me)
    its.begin()
    for _ in its.pacer.tasks(me):
        assert its.pacer.take(user) is not None
        break  # as a task that raises leaves it
    me.round += 1  # as a round that is over does
    _, greenlet = its.live(me)
    join(greenlet)
    assert its.fates() == [(1, "surge", "cut"), (3, "baseline", "done")]
    assert [round_ for _, round_, *_ in its.done] == [1, 1]


def mail(number, hour, trio=1, persona="alice"):
    sent = Mail("email", "a@x.example", "", f"need {number}", "medium", key=str(number))
    return DueMail(persona, trio, FIRST_MAIL + number, int(hour * HOUR_MS), sent)


def test_mail_comes_at_its_date_also_to_a_user_that_sleeps_until_later(clocked, monkeypatch):
    its = clocked((1, "baseline"), (9, "surge"))
    handled = []

    def inbox(me):
        yield lambda: handled.append((me.round, me.dated_mail.body))

    monkeypatch.setitem(phases.PHASE_FUNCTIONS, "inbox", inbox)
    me = its.coordinator()
    _, greenlet = its.live(me)
    its.pacer.grant(0.02, ALWAYS, [mail(1, 0.5)])  # before its user has begun its day
    until(lambda: len(its.done) == 2)
    its.begin()
    its.pacer.grant(0.0, ALWAYS, [mail(2, 4), mail(3, 3), mail(4, 3, trio=2)])
    join(greenlet)
    assert handled == [(1, "need 1"), (1, "need 3"), (1, "need 2")]
    assert its.fates() == [
        (1, "baseline", "done"), (9, "surge", "done"), (0.5, "inbox", "done"),
        (4, "inbox", "done"), (3, "inbox", "done"),
    ]  # fmt: skip
    its.pacer.end()
    assert its.fates() == [(3, "inbox", "cut")], "of a seat that nobody came to"


def test_all_that_came_is_told_once_whatever_became_of_it(clocked):
    its = clocked(
        (0, "baseline", [], 2), (1, "reissue", [], 2), (1, "surge", [], 3), max_wait_s=0.1
    )
    its.busy_s["surge"] = 0.2
    lives = [its.live(its.coordinator(persona)) for persona in ("alice", "bob", "carol")]
    its.begin(in_s=0.05)
    join(*(greenlet for _, greenlet in lives))
    rows = its.pacer.take_rows()
    assert {row.fate for row in rows} > {"done", "missed"}
    table = Timetable.of(its.run)
    for persona in ("alice", "bob", "carol"):
        expected = Counter((one.at_ms, one.number) for one in appointments(table, persona, 1))
        assert Counter((r.at_ms, r.number) for r in rows if r.coordinator == persona) == expected
