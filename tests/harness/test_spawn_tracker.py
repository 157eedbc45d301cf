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
