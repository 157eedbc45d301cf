"""A wall clock that is set in the middle of a run stretches nothing, and is said."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from mcstress.lifecycle import Lifecycle
from mcstress.master.completeness import completeness
from mcstress.master.run_state import RunState
from mcstress.metrics.event import utc
from mcstress.process.clock_watch import ClockWatch
from mcstress.services import steady_clock as clock
from mcstress.services.steady_clock import CLOCK
from mcstress.services.step import Step
from mcstress.users.event_scope import EventScope

HOUR_S = 3600.0


@pytest.fixture
def set_clock(monkeypatch):
    """Sets the wall clock by so many seconds; the monotonic clock goes on."""
    real = time.time
    yield lambda by_s: monkeypatch.setattr(clock.time, "time", lambda: real() + by_s)
    monkeypatch.undo()
    CLOCK.anchor()


@pytest.mark.parametrize("by_s", [HOUR_S, -HOUR_S])
def test_a_clock_that_is_set_moves_no_time_of_the_run_and_is_said(
    made_run: RunState, set_clock, by_s
):
    before_s = CLOCK.now_s()
    made_run.record_user_count(3)
    set_clock(by_s)
    assert before_s <= CLOCK.now_s() < before_s + 60
    made_run.clock_watch.look()
    made_run.clock_watch.look()
    made_run.record_user_count(3)
    made_run.write_user_counts()
    seconds = [second for second, _ in made_run.users_timeline]
    assert all(abs(second - made_run.started_s) < 60 for second in seconds)
    counted = completeness(made_run, 0, 0)
    (notice,) = counted.notices
    assert f"was set by {by_s:+,.0f} s" in notice
    assert counted.complete, "nothing is missing"


@pytest.mark.parametrize("by_s", [HOUR_S, -HOUR_S])
def test_an_event_and_its_steps_are_of_one_clock(set_clock, by_s):
    set_clock(by_s)
    trace = SimpleNamespace(trace_id="0" * 32)
    fired = []
    coordinator = SimpleNamespace(
        slot=None,
        trace=lambda _: trace, round=1, seat=SimpleNamespace(trio=1), name="alice",
        variant=SimpleNamespace(number=0), namespace="n", run=SimpleNamespace(top_k=8),
        fire=lambda **fired_with: fired.append(fired_with["event"]), report=lambda _: None,
        question=lambda *_: "baseline/1/alpha/1",
    )  # fmt: skip
    with EventScope(coordinator, "baseline") as act:
        act.take(Step("matrix.search", CLOCK.now_s(), 1.0, "0" * 16, "", b""))
    (event,) = fired
    assert abs((event.time - utc(CLOCK.now_s())).total_seconds()) < 60
    assert event.time <= event.steps[0].time


def test_an_adjustment_that_ntp_makes_is_no_step(set_clock):
    watch = ClockWatch()
    CLOCK.anchor()
    set_clock(0.4)
    watch.look()
    assert watch.steps == []
    set_clock(100)
    watch.look()
    set_clock(0)
    watch.look()
    assert [step.split(" at ")[0] for step in watch.steps] == ["by +100 s", "by -100 s"]


@pytest.mark.parametrize("by_s", [HOUR_S, -HOUR_S])
def test_how_long_a_run_lasted_does_not_depend_on_the_clock(made_run, set_clock, by_s):
    set_clock(by_s)
    lifecycle = SimpleNamespace(
        environment=SimpleNamespace(parsed_options=SimpleNamespace(run_time=600)),
        quitting=True,
        runner=None,
    )
    assert Lifecycle._why_it_ends(lifecycle, made_run) == "stopped by a signal after 0 of 600 s"
