"""Locust as a library: two environments in one process, classes as its documentation has them."""

from __future__ import annotations

import gevent
import pytest
from bokeh.util.serialization import make_id
from locust import constant, task
from locust.env import Environment
from locust.event import Events
from standin.process import Standin

from mcstress.commands.check import parse
from mcstress.lifecycle import Lifecycle
from mcstress.master.finalize import import_bokeh
from mcstress.users.coordinator_session import coordination_hook
from mcstress.users.persona import AliceUser, BobUser, CarolUser

DEADLINE_S = 30
IDS = 20_000
"""With a lock of gevent's, one of three was never woken in each of three tries."""
CALLS = []


class OwnAlice(AliceUser):
    """All that a Locust user may write, and no ``super()`` anywhere."""

    wait_time = constant(0.001)

    def on_start(self):
        CALLS.append("on_start")

    def on_stop(self):
        CALLS.append("on_stop")

    @task(100)  # Locust draws: two rounds before the first of these are one run in ten thousand
    def look_around(self):
        CALLS.append("task")


TRIOS = [[OwnAlice, BobUser, CarolUser], [AliceUser, BobUser, CarolUser]]


class Run:
    """One environment with its local runner; its events are its own."""

    def __init__(self, kinds, url, folder):
        asked = ["--report-dir", str(folder), "--rounds", "2", "--llm-host", url]
        self.environment = Environment(
            user_classes=kinds, events=Events(), host=url,
            parsed_options=parse([*asked, "--langfuse-env", str(folder / "none")]),
        )  # fmt: skip
        self.environment.stop_timeout = 5
        self.heard = []
        coordination_hook(self.environment).add_listener(
            lambda event, **_: self.heard.append((event.coordinator, event.phase))
        )
        self.runner = self.environment.create_local_runner()
        self.lifecycle = Lifecycle(self.environment, self.runner)

    def start(self):
        self.runner.start(3, spawn_rate=100)
        with gevent.Timeout(DEADLINE_S):
            while (run := self.lifecycle.controller.current) is None:
                gevent.sleep(0.01)
        self.run = run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Both, run at the same time until each has its report."""
    with Standin() as standin:
        made = [Run(kinds, standin.url, tmp_path_factory.mktemp("run")) for kinds in TRIOS]
        try:
            for run in made:
                run.start()
            with gevent.Timeout(DEADLINE_S):
                while not all(run.lifecycle.finished.runs for run in made):
                    gevent.sleep(0.05)
        finally:
            for run in made:
                run.runner.quit()
        yield made


@pytest.mark.parametrize("which", [0, 1])
def test_each_has_its_own_events_users_and_report(runs, which):
    run = runs[which]
    document = run.lifecycle.finished.document
    assert document.completeness.faults == []
    assert document.completeness.events_made == len(run.heard) == 2 * 73
    assert document.run.peak_users == 3
    assert document.run.run_uid == run.run.run.uid
    assert document.run.stopped_by == "all rounds completed"


def test_what_a_class_has_of_its_own_is_called_and_its_seat_goes_back(runs):
    assert CALLS[0] == "on_start"
    assert CALLS.count("on_start") == CALLS.count("on_stop") == 1
    assert "task" in CALLS
    for run in runs:
        assert len(run.run.seats) == 0


def test_drawing_in_several_threads_loses_nobody_who_waits_for_an_id():
    """Two reports at once, and the live page on the main thread: Bokeh has one lock for all ids."""
    import_bokeh()

    def draw():
        return len({make_id() for _ in range(IDS)})

    pool = gevent.get_hub().threadpool
    drawing = [pool.spawn(draw), pool.spawn(draw)]
    with gevent.Timeout(DEADLINE_S):
        assert draw() == IDS
        assert [each.get() for each in drawing] == [IDS, IDS]
