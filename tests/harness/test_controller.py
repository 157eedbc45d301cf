"""The master looks at its run once a second, whatever happens in one of them."""

from __future__ import annotations

import time

import gevent
import pytest
from locust.env import Environment
from locust.event import Events

from mcstress.cluster.channel import Channel
from mcstress.master import controller as controller_module
from mcstress.master.completeness import completeness_so_far
from mcstress.master.controller import RunController
from mcstress.master.progress import Progress


class FailsOnce(Progress):
    """A defect that shows at the first look."""

    looks = 0

    def tick(self, _run):
        self.looks += 1
        if self.looks == 1:
            raise ZeroDivisionError("made up")


@pytest.fixture
def controller(monkeypatch):
    monkeypatch.setattr(controller_module, "TICK_S", 0.01)
    environment = Environment(events=Events())
    runner = environment.create_local_runner()
    return RunController(environment, runner, Channel(runner))


def test_a_look_that_fails_is_told_and_not_the_last(controller, made_run):
    progress = FailsOnce(None, None)
    controller.conduct(made_run, progress)
    deadline_s = time.monotonic() + 60
    while progress.looks < 3:
        assert time.monotonic() < deadline_s
        gevent.sleep(0.01)
    controller.rest()
    found = completeness_so_far(made_run, 0)
    assert found.faults == ["the master could not see to the run: ZeroDivisionError: made up"]
