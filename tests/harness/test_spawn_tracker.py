"""Users who were asked for and never came are a fault, however slowly the others come."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from locust.runners import STATE_RUNNING, STATE_SPAWNING

from mcstress.master import spawn_tracker as module
from mcstress.master.spawn_tracker import GRACE_S, ON_THEIR_WAY_S, SpawnTracker

ASKED = 100


@pytest.fixture
def clock(monkeypatch):
    """Seconds that go by when the test says so."""
    now = SimpleNamespace(s=1000.0)
    monkeypatch.setattr(module.time, "monotonic", lambda: now.s)
    return now


@pytest.fixture
def arrivals():
    nobody_else = SimpleNamespace(user_classes_by_name={})
    runner = SimpleNamespace(
        target_user_count=ASKED,
        target_user_classes_count={},
        environment=nobody_else,
        state=STATE_RUNNING,
    )
    made = SpawnTracker(runner)
    made.begin()
    return made


def test_while_some_come_all_the_time_the_end_of_the_run_counts_the_others(arrivals, clock):
    arrivals.spawned()
    for there in range(60):
        clock.s += GRACE_S / 2
        arrivals.arrived()
        assert not arrivals.are_complete(there)
    assert arrivals.absent_at_the_end(60) == 40


def test_a_class_that_is_the_locustfiles_no_more_is_counted(arrivals):
    """The web form can choose others."""
    arrivals._runner.target_user_classes_count = {"AliceUser": ASKED}
    assert arrivals.absent(60) == 40


def test_nobody_is_absent_who_is_still_on_the_way(arrivals, clock):
    assert arrivals.absent_at_the_end(0) == 0, "Locust has yet to send them out"
    arrivals.spawned()
    clock.s += ON_THEIR_WAY_S
    assert arrivals.absent_at_the_end(60) == 0
    clock.s += 0.1
    assert arrivals.absent_at_the_end(60) == 40
    assert arrivals.absent_at_the_end(ASKED) == 0
    arrivals._runner.state = STATE_SPAWNING  # the ramp was changed
    assert arrivals.absent_at_the_end(60) == 0
    arrivals.begin()
    assert arrivals.absent_at_the_end(0) == 0
