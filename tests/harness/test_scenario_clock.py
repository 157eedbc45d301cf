"""The master says when hour 0 is, and knows what a lost worker did not tell."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hand_clock import Clock

from mcstress.master import scenario_clock as module
from mcstress.master.scenario_clock import AHEAD_S, ScenarioClock, appointment_totals
from mcstress.metrics.appointments import AppointmentRow
from mcstress.users.appointments import HOUR_MS, Timetable, appointments
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
    return [one for one in appointments(its._table, "alice", 1) if one.at_ms <= before_h * HOUR_MS]


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
    due = of_alice(its, 20)
    assert its.due_of("worker-0") == len(due) > 3
    told = [AppointmentRow(one.at_ms, "alice", one.number, one.phase, "done") for one in due[:2]]
    its.take("worker-0", told)
    its.freed(ALICE)
    clock.now = 1002 + 30.0
    again = Seat("alice", 1, generation=2, first_round=2)
    its.seated(again, "worker-1")
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


def test_a_timetable_is_the_runs():
    run = SimpleNamespace(scenario=load_scenario("three_cities"), phases=["surge"], seed=1,
                          clock=None, mail=None)  # fmt: skip
    assert Timetable.of(run).end_ms == 0
    assert appointments(Timetable.of(run), "alice", 1) == []
