"""The master says when hour 0 is, and knows what a lost worker did not tell."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hand_clock import Clock

from mcstress.master import scenario_clock as module
from mcstress.master.scenario_clock import AHEAD_S, ScenarioClock, appointment_totals
from mcstress.master.seat_pool import SeatPool
from mcstress.metrics.appointments import AppointmentRow
from mcstress.users.appointments import HOUR_MS, Timetable, appointments
from mcstress.users.mail import Mail
from mcstress.users.mail_dates import DueMail
from mcstress.users.run import ClockPace, Seat
from mcstress.users.scenarios.load import load_scenario

PACE = ClockPace(48.0, 3600.0)
ALICE = Seat("alice", 1)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "CLOCK", clock)
    return clock


@pytest.fixture
def its(clock):
    assert clock.now == 1000.3
    run = SimpleNamespace(
        scenario=load_scenario("three_cities"), phases=["baseline", "surge", "reissue"], seed=42,
        clock=PACE, mail=None,
    )  # fmt: skip
    return ScenarioClock(run, PACE, 10.0)


def of_alice(its, before_h):
    return [one for one in appointments(its._table, "alice", 1) if one.at_ms < before_h * HOUR_MS]


def test_hour_0_is_a_whole_second_and_appointments_begin_a_few_seconds_ahead(clock, its):
    assert its.grant() is None
    assert its.time_of_day == ""
    its.begin()
    assert its.hour_0_s == 1002
    assert its.grant() == (pytest.approx(1.7), round((AHEAD_S - 1.7) * HOUR_MS))
    clock.now = 1002 + 33.2
    assert its.time_of_day == "day 2, 09:12"
    assert its.grant() == (pytest.approx(-33.2), round((AHEAD_S + 33.2) * HOUR_MS))
    clock.now = 1002 + 49
    assert its.time_of_day == "day 3, 00:00"
    assert not its.is_over
    clock.now = 1002 + 58.1
    assert its.is_over
    its.end()
    assert its.grant() is None


def test_what_a_lost_worker_did_not_tell_is_unknown(clock, its):
    its.seated(ALICE, "worker-0")
    its.begin()
    clock.now = 1002 + 20.0
    assert its.due_of("worker-0") == len(of_alice(its, 20)) > 3
    its.grant()
    due = of_alice(its, 20 + AHEAD_S)
    told = [AppointmentRow(one.at_ms, "alice", one.number, one.phase, "done") for one in due[:2]]
    its.take("worker-0", told)
    its.freed(ALICE, None)
    clock.now = 1002 + 30.0
    again = Seat("alice", 1, generation=2, first_round=2)
    assert its.seated(again, "worker-1") == 30 * HOUR_MS
    clock.now = 1002 + 40.0
    its.end()
    clock.now = 1002 + 60.0
    assert its.due_of("worker-0") == len(due), "what came after it was taken for lost is not its"
    assert its.due_of("worker-1") == len(of_alice(its, 40)) - len(of_alice(its, 30))
    parts = [
        SimpleNamespace(name="worker-0", lost=True),
        SimpleNamespace(name="worker-1", lost=False),
    ]
    found = appointment_totals(its, parts, its.rows)
    assert (found.done, found.unknown, found.offered) == (2, len(due) - 2, len(due))
    more = [*told, AppointmentRow(due[2].at_ms, "alice", due[2].number, due[2].phase, "done")]
    assert appointment_totals(its, parts, more).unknown == len(due) - 3, "its file has one more"
    parts[0].lost = False
    assert appointment_totals(its, parts, its.rows).unknown == 0


def test_the_next_holder_begins_after_what_the_last_one_may_have_begun(clock, its):
    """A lost worker may have begun all that it was let; another says what it gave up."""
    assert its.seated(ALICE, "worker-0") == 0
    its.begin()
    clock.now = 1002 + 10.0
    its.grant()
    clock.now = 1002 + 12.0
    its.freed(ALICE, None)
    again = Seat("alice", 1, generation=2)
    assert its.seated(again, "worker-1") == (10 + AHEAD_S) * HOUR_MS
    clock.now = 1002 + 20.0
    its.grant()
    its.freed(again, round(20.4 * HOUR_MS))
    assert its.seated(Seat("alice", 1, generation=3), "worker-0") == round(20.4 * HOUR_MS)
    assert its.due_of("worker-1") == len(of_alice(its, 20.4)) - len(of_alice(its, 13))
    its.freed(Seat("alice", 1, generation=3), 2**53)
    assert its.seated(Seat("alice", 1, generation=4), "worker-0") == (20 + AHEAD_S) * HOUR_MS


def test_a_timetable_is_the_runs():
    run = SimpleNamespace(scenario=load_scenario("three_cities"), phases=["surge"], seed=1,
                          clock=None, mail=None)  # fmt: skip
    assert Timetable.of(run).end_ms == 0
    assert appointments(Timetable.of(run), "alice", 1) == []


class DatedMail:
    """Two messages: the first for alice, whose seat somebody has; the second for nobody."""

    def __init__(self):
        mail = Mail("sms", "+1 555 0100", "", "Two welders.", "low")
        self.asked = []
        self.one = DueMail("alice", 1, 4, 2 * HOUR_MS, mail)
        self.other = DueMail("bob", 1, 7, 2 * HOUR_MS, mail)

    def hand_out(self, before_ms, holder):
        self.asked.append(before_ms)
        worker = holder("alice", 1)
        assert holder("bob", 1) is None
        return {worker: [self.one]} if before_ms >= 2 * HOUR_MS else {}

    def unclaimed(self, before_ms):
        return [self.other] if before_ms >= 2 * HOUR_MS else []


def test_mail_goes_to_the_worker_of_its_seat_and_what_nobody_takes_is_missed(clock, its):
    mail, seats = DatedMail(), SeatPool()
    seats.lease("alice", "worker-1")
    its.begin()
    clock.now = its.hour_0_s - AHEAD_S
    assert its.hand_out(mail, seats) == {}
    clock.now = its.hour_0_s + 2
    assert its.hand_out(mail, seats) == {"worker-1": [mail.one]}
    assert its.due_of("worker-1") == 1
    assert its.rows == [], "bob may come yet: --max-wait is not over"
    clock.now += 10
    its.hand_out(mail, seats)
    (row,) = its.rows
    assert (row.coordinator, row.number, row.phase, row.fate) == ("bob", 7, "inbox", "missed")
    assert (row.queue_ms, row.response_ms) == (10_000.0, 10_000.0)
    assert mail.asked[1] == (2 + AHEAD_S) * HOUR_MS
