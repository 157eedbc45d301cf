"""What is said at a run's end names files that are there, and reaches a terminal if it can."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from mcstress import lifecycle as module
from mcstress.evidence.run_document import RunDocument
from mcstress.evidence.store.paths import ReportPaths
from mcstress.lifecycle import Lifecycle


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
