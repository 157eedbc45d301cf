"""What is said at a run's end names files that are there, and reaches a terminal if it can."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import gevent
import pytest
from locust.runners import STATE_RUNNING, STATE_STOPPING

from mcstress import lifecycle as module
from mcstress.errors import UsageError
from mcstress.evidence.run_document import RunDocument
from mcstress.evidence.store.paths import ReportPaths
from mcstress.lifecycle import Lifecycle
from mcstress.master.stages import RunStage


@pytest.fixture
def lifecycle(master):
    """That of a master with a run that is on."""
    made = object.__new__(Lifecycle)
    made.environment, made.runner = master.environment, master.runner
    made.controller, made.worker, made.quit_guard = master, None, None
    made.quitting = False
    made.system = None
    return made


def test_a_report_that_is_given_up_names_the_file_that_is_there(lifecycle, tmp_path):
    """While it is written to another folder, too."""
    run = lifecycle.controller.current
    run.paths = ReportPaths(tmp_path / "elsewhere", run.paths.run_id)
    told = lifecycle.give_up()
    assert told.endswith(f"mcstress report {run.segment.path}")
    assert run.segment.path.is_file()


def fail(*_, **__):
    raise OSError(5, "Input/output error")


def test_a_terminal_that_is_gone_is_no_fault_of_the_report(lifecycle, monkeypatch, caplog):
    told = []
    lifecycle.finished = SimpleNamespace(add=lambda *_: None)
    monkeypatch.setattr(module, "drain", lambda *_: None)
    monkeypatch.setattr(module, "finish", lambda *_: RunDocument(verdict="pass"))
    monkeypatch.setattr(module, "summary", lambda *_: "words")
    monkeypatch.setattr(module, "notify", lambda *_: told.append("CI"))
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=fail, flush=fail))
    lifecycle._end()
    assert lifecycle.environment.process_exit_code == 0
    assert told == ["CI"]
    assert "the report is not whole" not in caplog.text


def test_a_look_that_goes_wrong_does_not_cost_the_end(lifecycle, monkeypatch):
    ended = []
    run = lifecycle.controller.current
    monkeypatch.setattr(lifecycle.controller._spawn_tracker, "absent_at_the_end", {}.__getitem__)
    monkeypatch.setattr(lifecycle, "_end", lambda: ended.append("run"))
    lifecycle.on_test_stopping()
    assert ended == ["run"]
    assert run.own_errors == {"KeyError: 0"}


@pytest.mark.parametrize(
    ("stage", "state", "told"),
    [
        (RunStage.RUNNING, STATE_RUNNING, "running"),
        (RunStage.STOPPING, STATE_RUNNING, "ending"),
        (RunStage.RUNNING, STATE_STOPPING, "ending"),
    ],
)
def test_where_a_run_stands(lifecycle, stage, state, told):
    lifecycle.controller.current.stage = stage
    lifecycle.runner.state = state
    assert lifecycle.stage == told
    assert lifecycle.has_a_run


@pytest.mark.parametrize(("runs", "told"), [([], "ready"), (["one"], "finished")])
def test_where_nothing_runs_it_says_whether_something_did(lifecycle, runs, told):
    lifecycle.controller = SimpleNamespace(current=None)
    lifecycle.finished = SimpleNamespace(runs=runs)
    assert lifecycle.stage == told
    assert not lifecycle.has_a_run


@pytest.mark.parametrize(
    ("options", "begun", "code"),
    [
        ({"headless": True}, False, 128 + 15),
        ({"autostart": True}, False, 128 + 15),
        ({"headless": True}, True, None),
        ({}, False, None),
    ],
)
def test_a_signal_is_the_exit_code_only_before_a_run_that_starts_by_itself(
    lifecycle, options, begun, code
):
    lifecycle.environment.parsed_options = SimpleNamespace(**options)
    lifecycle._begun = begun
    lifecycle.note_signal(15)
    assert lifecycle.environment.process_exit_code == code


def test_a_process_that_should_have_run_and_did_not_ends_unknown(lifecycle, caplog):
    lifecycle._note_that_nothing_ran()
    assert lifecycle.environment.process_exit_code == 4
    lifecycle.environment.process_exit_code = 2
    lifecycle._note_that_nothing_ran()
    assert lifecycle.environment.process_exit_code == 2, "what is known of it is kept"
    assert caplog.text.count("there is no report") == 1


def test_a_refused_run_ends_a_headless_process_and_stops_the_web_uis_test(lifecycle):
    asked = []
    lifecycle.runner = SimpleNamespace(
        quit=lambda: asked.append("quit"), stop=lambda: asked.append("stop")
    )
    for headless in (True, False):
        lifecycle.environment.parsed_options = SimpleNamespace(headless=headless)
        lifecycle._refuse(UsageError("no"))
    gevent.sleep(0)
    assert asked == ["quit", "stop"]
    assert lifecycle.environment.process_exit_code == 2
