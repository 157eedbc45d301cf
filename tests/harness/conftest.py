"""A run without its services: what a master holds, and what it tells a worker."""

from __future__ import annotations

import msgspec
import pytest
from locust.env import Environment
from locust.event import Events
from stranger import Stranger

from mcstress import locust_compat
from mcstress.cluster.channel import Channel
from mcstress.cluster.handshake import hello
from mcstress.commands.check import parse
from mcstress.master.controller import RunController
from mcstress.master.progress import Progress
from mcstress.master.run_start import begin_run
from mcstress.services.preflight import ModelFacts
from mcstress.settings import read_settings
from mcstress.system_under_test import SystemUnderTest, TargetFacts


@pytest.fixture
def make_run(tmp_path):
    """Makes a master's run by its options, in a folder of its own."""
    made = []

    def make(*asked):
        options = parse(
            ["--report-dir", str(tmp_path), "--langfuse-env", str(tmp_path / "none"), *asked]
        )
        settings = read_settings(options, None)
        nowhere = "http://127.0.0.1:9"
        system = SystemUnderTest(
            settings, nowhere, nowhere, TargetFacts(), ModelFacts("m", rule_based=True)
        )
        made.append(begin_run(settings, system, "distributed"))
        return made[-1]

    yield make
    for run in made:
        run.segment.close()


@pytest.fixture
def made_run(make_run):
    """A master's run."""
    return make_run()


@pytest.fixture
def welcome(made_run):
    """What the second worker is told of it."""
    part = made_run.registry.enter("worker-1", "client", "boot")
    return msgspec.structs.replace(made_run.welcome(part), langfuse_env="")


@pytest.fixture
def master(made_run):
    """A master's controller, with a run that is on."""
    locust_compat.install()
    environment = Environment(events=Events())
    runner = environment.create_master_runner("127.0.0.1", 0)
    controller = RunController(environment, runner, Channel(runner))
    controller.conduct(made_run, Progress(None, None))
    yield controller
    controller.rest()
    runner.greenlet.kill()  # quit waits for workers
    runner.server.close(linger=0)
    runner.server.socket.context.term()


@pytest.fixture
def stranger(master):
    """Somebody at its port."""
    with Stranger(master.runner.server.port) as stranger:
        yield stranger


@pytest.fixture
def worker(master):
    """A stranger that has become a worker, so that what it says further is listened to."""
    with Stranger(master.runner.server.port, "worker_1") as worker:
        worker.join(master.runner)
        worker.tell(hello("boot"))
        worker.hears("mcstress.Welcome")
        yield worker
