"""When a run is over, and for what reason; and that its folder is there at its end."""

from __future__ import annotations

from shutil import rmtree
from types import SimpleNamespace

import pytest

from mcstress.evidence.store.lines import first_record
from mcstress.master.stages import RunStage
from mcstress.metrics.event import Event, utc


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


def test_a_folder_that_was_removed_is_there_again_for_the_report(state):
    """Of the events that were in it the count stays: the report says that they are lost."""
    event = Event(
        time=utc(1.0), round=1, trio=1, phase="baseline", k=8, coordinator="alice",
        contract="c", role="r",
    )  # fmt: skip
    state.segment.append(event)
    state.segment.flush()
    assert state.segment.kept == 1
    rmtree(state.paths.folder)
    state.segment.flush()
    state.ensure_report_dir()
    assert first_record(state.paths.events)["run"]["run_uid"] == state.run.uid
    assert (state.segment.events, state.segment.kept) == (1, 0)
    assert "was removed during the run" in state.segment.error


def test_a_folder_that_is_there_is_left_alone(state, caplog):
    before = state.segment
    state.ensure_report_dir()
    assert state.segment is before
    assert "cannot be made again" not in caplog.text


def test_a_folder_that_cannot_be_made_again_is_said(state, caplog):
    rmtree(state.paths.folder)
    state.paths.folder.write_text("no folder")
    before = state.segment
    state.ensure_report_dir()
    assert state.segment is before
    assert "the run's folder cannot be made again: " in caplog.text
