"""The drain waits for who can still hand over, and for nobody else."""

from __future__ import annotations

import gevent
import pytest
from locust.runners import STATE_RUNNING, WorkerNode

from mcstress.cluster.messages import Drained
from mcstress.master import drain as module
from mcstress.master.drain import drain, wait_until
from mcstress.master.stages import RunStage

DEADLINE_S = 10


@pytest.fixture
def run(master):
    run = master.current
    run.go(RunStage.DRAINING)
    return run


def test_it_is_over_when_the_last_has_handed_over(master, run):
    parts = [run.registry.enter(name, name, "boot") for name in ("worker-0", "worker-1")]
    for part in parts:
        master.runner.clients[part.name] = WorkerNode(part.name, state=STATE_RUNNING)
    draining = gevent.spawn(drain, master, run, DEADLINE_S)
    for part in parts:
        draining.join(timeout=0.1)
        assert not draining.ready()
        part.hand_over(Drained(run.run.uid, part.name, "boot"))
    draining.get(timeout=DEADLINE_S)
    assert run.stage is RunStage.REPORTING
    assert run.registry.lost() == []


def test_who_does_not_hand_over_in_time_is_lost(master, run, monkeypatch, caplog):
    monkeypatch.setattr(module, "GRACE_S", 0.0)
    master.runner.clients["worker-0"] = WorkerNode("worker-0", state=STATE_RUNNING)
    part = run.registry.enter("worker-0", "worker-0", "boot")
    drain(master, run, 0.1)
    assert part.lost
    assert "worker-0 did not hand over within 0 s" in caplog.text


def test_one_that_is_gone_is_not_waited_for(master, run, monkeypatch):
    monkeypatch.setattr(module, "RETURN_S", 0.0)
    part = run.registry.enter("worker-0", "gone", "boot")
    with gevent.Timeout(DEADLINE_S):
        drain(master, run, 10 * DEADLINE_S)
    assert part.lost
    assert run.stage is RunStage.REPORTING


def test_wait_until_says_whether_it_came_true():
    looks = iter([False, False, True])
    assert wait_until(lambda: next(looks), DEADLINE_S)
    assert not wait_until(lambda: False, 0.01)
