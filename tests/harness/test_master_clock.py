"""A worker tells the master's time, as far as round trips show that its own is another."""

from __future__ import annotations

import pytest

from mcstress.services import steady_clock
from mcstress.services.steady_clock import CLOCK
from mcstress.worker.master_clock import MasterClock


@pytest.fixture
def clock():
    yield MasterClock()
    CLOCK.anchor()


@pytest.fixture
def _stopped(monkeypatch):
    """No time passes between two looks at it: on a busy machine it would, and be an error."""
    now_s = steady_clock.time.perf_counter()
    monkeypatch.setattr(steady_clock.time, "perf_counter", lambda: now_s)


def trip(clock, master_ahead_s, there_s=0.001, back_s=0.001):
    """A message that was under way for so long, and whose answer comes now."""
    received_s = clock.unshifted_s()
    sent_s = received_s - there_s - back_s
    got_s = sent_s + there_s + master_ahead_s
    clock.learn(sent_s, got_s, got_s)


@pytest.mark.usefixtures("_stopped")
@pytest.mark.parametrize("ahead_s", [30.0, -3600.0, 0.08])
def test_a_clock_that_is_off_is_set_to_the_masters(clock, ahead_s):
    trip(clock, ahead_s)
    assert CLOCK.now_s() - clock.unshifted_s() == pytest.approx(ahead_s, abs=0.001)
    assert clock.offset_s == pytest.approx(ahead_s, abs=0.001)
    assert 0.0009 < clock.error_s < 0.01
    assert abs(CLOCK.step_s()) < 0.5, "that is no setting of the wall clock"


def test_clocks_that_agree_as_far_as_trips_tell_stay_as_they_are(clock):
    trip(clock, 0.0, there_s=0.02, back_s=0.001)
    assert CLOCK.now_s() - clock.unshifted_s() == pytest.approx(0.0, abs=0.001)
    assert clock.error_s >= 0.0095


def test_the_error_counts_times_that_were_told_before_a_better_trip(clock):
    trip(clock, 5.0, there_s=0.3, back_s=0.0001)
    told = CLOCK.now_s() - clock.unshifted_s()
    trip(clock, 5.0)
    assert CLOCK.now_s() - clock.unshifted_s() == pytest.approx(5.0, abs=0.002)
    assert clock.error_s >= abs(told - 5.0)


def test_before_the_first_trip_nothing_is_known(clock):
    assert clock.error_s is None
