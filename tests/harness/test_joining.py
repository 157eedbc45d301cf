"""A worker that joins a test may be told to begin before it has listeners for that."""

from __future__ import annotations

import sys
import time
from uuid import uuid4

import gevent
import pytest
from locust.env import Environment
from locust.event import Events
from locust.runners import STATE_SPAWNING

from mcstress.cluster.channel import Channel
from mcstress.cluster.handshake import hello
from mcstress.cluster.messages import Hello
from mcstress.commands.check import make_parser, parse
from mcstress.lifecycle import Lifecycle
from mcstress.users import coordinator_session as entrance


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        gevent.sleep(0.01)


def test_a_worker_that_is_already_spawning_asks_for_the_run():
    heard = []
    master = Environment(events=Events()).create_master_runner("127.0.0.1", 0)
    environment = Environment(events=Events())
    worker = environment.create_worker_runner("127.0.0.1", master.server.port)
    try:
        until(lambda: master.clients.ready)
        Channel(master).listen(Hello, lambda hello, _: heard.append(hello))
        worker.worker_state = STATE_SPAWNING
        lifecycle = Lifecycle(environment, worker)
        until(lambda: heard)
        assert heard == [hello(lifecycle.worker.boot, heard[0].sent_s)]
        lifecycle.worker._connection.close()  # it would listen to the end of all tests
    finally:
        worker.quit()
        master.quit()


SLOW = """
from mcstress import Target

class Slow(Target):
    def search(self, search, trace): ...
"""


@pytest.fixture
def slow(tmp_path):
    """``--target`` with a class of a module that nobody has imported, and whether that is so."""
    path = tmp_path / f"slow_{uuid4().hex}.py"
    path.write_text(SLOW)
    name = f"mcstress_target_{path.stem}"
    yield ("--target", f"{path}:Slow"), lambda: name in sys.modules
    sys.modules.pop(name, None)


def test_a_worker_imports_its_target_before_its_master_counts_on_it(slow):
    """An import amid a run keeps heartbeats back, and the master takes the worker for lost."""
    target, is_imported = slow
    for given in (("--headless", *target), ("--worker", "--processes", "2", *target)):
        make_parser().parse_args(given)
        assert not is_imported(), "no worker, or one that is not forked yet"
    make_parser().parse_args(["--worker", *target])
    assert is_imported()


def test_a_forked_worker_imports_its_target_when_it_begins(slow):
    target, is_imported = slow
    options = parse(["--worker", "--processes", "2", *target])
    master = Environment(events=Events()).create_master_runner("127.0.0.1", 0)
    environment = Environment(events=Events(), parsed_options=options)
    worker = environment.create_worker_runner("127.0.0.1", master.server.port)
    try:
        assert not is_imported()
        lifecycle = Lifecycle(environment, worker)
        assert is_imported()
        lifecycle.worker._connection.close()
    finally:
        worker.quit()
        master.quit()


def test_a_target_that_is_not_there_is_told_later(slow):
    for gone in (slow[0][1].replace("Slow", "Gone"), "gone.py:Gone"):
        assert make_parser().parse_args(["--worker", "--target", gone]).target == gone


def test_a_user_who_is_there_before_the_gate_waits_for_it():
    environment, opened = Environment(events=Events()), []
    user = gevent.spawn(entrance._gate_of, environment)
    gevent.sleep(0)
    assert not user.ready()
    entrance.provide_context(environment, lambda: opened.append("in"))
    user.get(timeout=60)()
    assert opened == ["in"]
