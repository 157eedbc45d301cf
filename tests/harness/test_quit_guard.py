"""Who wants a master to end waits for the report, but never holds up the message loop."""

from __future__ import annotations

from types import SimpleNamespace

import gevent
import pytest

from mcstress.master.quit_guard import QuitGuard
from mcstress.master.stages import RunStage


@pytest.fixture
def guarded():
    """A guard, what it did in its order, and the run that is on."""
    did = []
    runner = SimpleNamespace(quit=lambda: did.append("quit"), greenlet=[])
    run = SimpleNamespace(stage=RunStage.RUNNING)
    controller = SimpleNamespace(
        current=run, runner=runner, wait_until_over=lambda: did.append("waited")
    )
    return QuitGuard(runner, controller), did, run


def test_a_run_that_goes_on_is_no_reason_to_wait(guarded):
    guard, did, _ = guarded
    assert not guard.taken
    guard._controller.runner.quit()
    assert did == ["quit"]
    assert guard.taken


def test_without_a_run_it_ends_at_once(guarded):
    guard, did, _ = guarded
    guard._controller.current = None
    guard.leave()
    assert did == ["quit"]


@pytest.mark.parametrize("stage", [RunStage.DRAINING, RunStage.REPORTING, RunStage.OVER])
def test_the_report_comes_first(guarded, stage):
    guard, did, run = guarded
    run.stage = stage
    guard.leave()
    assert did == ["waited", "quit"]


def test_the_message_loop_goes_on_while_another_greenlet_waits(guarded):
    guard, did, run = guarded
    run.stage = RunStage.DRAINING
    guard._controller.runner.greenlet.append(gevent.getcurrent())
    guard.leave()
    assert did == []
    gevent.sleep(0)
    assert did == ["waited", "quit"]
