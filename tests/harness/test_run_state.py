"""When a run is over, and for what reason."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mcstress.master.stages import RunStage


@pytest.fixture
def state(made_run):
    """Everybody is there, and has done all rounds."""
    made_run.go(RunStage.RUNNING)
    made_run.seats.lease("alice", "worker-1")
    made_run.seats.all_done = lambda: True
    return made_run


def test_rounds_end_a_run_once_everybody_is_there(state):
    assert state.why_over(everyone_left=False) == "all rounds completed"
    state.stage = RunStage.SPAWNING
    assert state.why_over(everyone_left=False) == "", "more users are on their way"


def test_by_the_clock_it_is_the_clock_that_ended(state):
    state.clock = SimpleNamespace()
    assert state.why_over(everyone_left=False) == "the clock has ended"


def test_nobody_is_left_before_who_waits_for_the_reference(state):
    state.solo_phase = SimpleNamespace(waiting=2)
    assert state.why_over(everyone_left=False) == ""
    assert state.why_over(everyone_left=True) == "all workers left"


@pytest.mark.parametrize("left", [False, True])
def test_a_search_for_the_capacity_that_is_over_ends_it(state, left):
    state.seats.all_done = lambda: False
    state.capacity = SimpleNamespace(is_over=False)
    assert state.why_over(everyone_left=False) == ""
    state.capacity.is_over = True
    assert state.why_over(everyone_left=left) == "the search for the capacity is over"


@pytest.mark.parametrize("stage", [one for one in RunStage if one >= RunStage.STOPPING])
def test_what_ends_already_has_no_second_reason(state, stage):
    state.stage = stage
    assert state.why_over(everyone_left=True) == ""
