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
def tracker():
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


def test_while_some_come_all_the_time_the_end_of_the_run_counts_the_others(tracker, clock):
    tracker.spawned()
    for there in range(60):
        clock.s += GRACE_S / 2
        tracker.arrived()
        assert not tracker.are_complete(there)
    assert tracker.absent_at_the_end(60) == 40


def test_a_class_that_is_the_locustfiles_no_more_is_counted(tracker):
    """The web form can choose others."""
    tracker._runner.target_user_classes_count = {"AliceUser": ASKED}
    assert tracker.absent(60) == 40


def test_whoever_had_a_seat_and_is_on_its_way_to_another_took_part(tracker, clock):
    tracker.spawned()
    for there in (60, ASKED - 3, 90):  # ten of them gave theirs back
        tracker.look(there)
    clock.s += ON_THEIR_WAY_S + 1
    assert tracker.never_came(80) == 3
    assert tracker.absent_at_the_end(80) == 3
    tracker._runner.state = STATE_SPAWNING  # others are asked for
    tracker.look(ASKED)
    tracker._runner.state = STATE_RUNNING
    tracker.spawned()
    assert tracker.never_came(80) == 20


def test_nobody_is_absent_who_is_still_on_the_way(tracker, clock):
    assert tracker.absent_at_the_end(0) == 0, "Locust has yet to send them out"
    tracker.spawned()
    clock.s += ON_THEIR_WAY_S
    assert tracker.absent_at_the_end(60) == 0
    clock.s += 0.1
    assert tracker.absent_at_the_end(60) == 40
    assert tracker.absent_at_the_end(ASKED) == 0
    tracker._runner.state = STATE_SPAWNING  # the ramp was changed
    assert tracker.absent_at_the_end(60) == 0
    tracker.begin()
    assert tracker.absent_at_the_end(0) == 0
