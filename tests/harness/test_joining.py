"""A worker that joins a test may be told to begin before it has listeners for that."""

from __future__ import annotations

import time

import gevent
from locust.env import Environment
from locust.event import Events
from locust.runners import STATE_SPAWNING

from mcstress.cluster.channel import Channel
from mcstress.cluster.handshake import hello
from mcstress.cluster.messages import Hello
from mcstress.lifecycle import Lifecycle
from mcstress.users import coordinator_session as entrance


def until(condition):
    end = time.monotonic() + 10
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
    finally:
        worker.quit()
        master.quit()


def test_a_user_who_is_there_before_the_gate_waits_for_it():
    environment, opened = Environment(events=Events()), []
    user = gevent.spawn(entrance._gate_of, environment)
    gevent.sleep(0)
    assert not user.ready()
    entrance.provide_context(environment, lambda: opened.append("in"))
    user.get(timeout=5)()
    assert opened == ["in"]
