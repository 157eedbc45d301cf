"""Messages arrive in order, typed, and in bundles where they may wait."""

from __future__ import annotations

import time

import gevent
import gevent.event
import pytest
from locust.env import Environment
from locust.event import Events
from locust.exception import RPCSendError

from mcstress.cluster.channel import BUNDLE, Channel
from mcstress.cluster.messages import BeginRound, Drain, RoundsDone, UserCount
from mcstress.users.run import Seat

SEAT = Seat("alice", 1)


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        gevent.sleep(0.01)


@pytest.fixture
def ends():
    """A master's post and a worker's, and the runners beneath them."""
    master = Environment(events=Events()).create_master_runner("127.0.0.1", 0)
    worker = Environment(events=Events()).create_worker_runner("127.0.0.1", master.server.port)
    until(lambda: master.clients.ready)
    yield Channel(master), Channel(worker), master, worker
    worker.quit()
    master.quit()


def test_what_may_wait_travels_in_one_bundle_and_in_order(ends, monkeypatch):
    master_post, worker_post, _, worker = ends
    heard, sent = [], []
    for kind in (BeginRound, RoundsDone):
        master_post.listen(kind, lambda message, sender: heard.append((message, sender)))
    send = worker.send_message
    monkeypatch.setattr(
        worker, "send_message", lambda kind, *a: (sent.append(kind), send(kind, *a))
    )
    rounds = [BeginRound("u", SEAT, number) for number in range(1, 6)]
    for message in rounds:
        worker_post.send_soon(message)
    assert sent == []
    until(lambda: len(heard) == 5)
    assert heard == [(message, worker.client_id) for message in rounds]
    assert sent == [BUNDLE]


def test_what_is_sent_at_once_never_overtakes_what_waits(ends):
    master_post, worker_post, _, _ = ends
    heard = []
    for kind in (BeginRound, RoundsDone):
        master_post.listen(kind, lambda message, _: heard.append(message))
    said = []
    for number in range(1, 50):
        said += [
            BeginRound("u", SEAT, number),
            BeginRound("u", SEAT, number + 1),
            RoundsDone("u", SEAT),
        ]
        worker_post.send_soon(said[-3])
        worker_post.send_soon(said[-2])
        worker_post.send(said[-1])
    until(lambda: len(heard) == len(said))
    assert heard == said


def test_a_master_keeps_the_order_for_each_worker_and_for_all(ends):
    master_post, worker_post, _, worker = ends
    heard = []
    for kind in (UserCount, Drain):
        worker_post.listen(kind, lambda message, _: heard.append(message))
    master_post.send_soon(UserCount(1), worker.client_id)
    master_post.send(UserCount(2), worker.client_id)
    master_post.send_soon(UserCount(3), worker.client_id)
    master_post.send(Drain("u"))
    until(lambda: len(heard) == 4)
    assert heard == [UserCount(1), UserCount(2), UserCount(3), Drain("u")]


@pytest.mark.parametrize("way", ["send", "send_soon"])
def test_on_a_local_runner_the_message_itself_is_heard_at_once(way):
    channel = Channel(Environment(events=Events()).create_local_runner())
    heard = []
    channel.listen(BeginRound, lambda message, _: heard.append(message))
    message = BeginRound("u", SEAT, 1)
    getattr(channel, way)(message)
    assert heard[0] is message


def test_what_could_not_be_sent_goes_first_when_it_can(ends, monkeypatch):
    master_post, worker_post, _, worker = ends
    heard, send = [], worker.send_message
    for kind in (BeginRound, RoundsDone):
        master_post.listen(kind, lambda message, _: heard.append(message))
    tries = []

    def broken(kind, *_):
        tries.append(kind)
        raise RPCSendError(ValueError("the connection is stuck"))

    monkeypatch.setattr(worker, "send_message", broken)
    rounds = [BeginRound("u", SEAT, number) for number in (1, 2, 3)]
    worker_post.send_soon(rounds[0])
    until(lambda: tries == [BUNDLE])
    worker_post.send_soon(rounds[1])
    with pytest.raises(RPCSendError):
        worker_post.send(RoundsDone("u", SEAT))
    monkeypatch.setattr(worker, "send_message", send)
    worker_post.send_soon(rounds[2])
    worker_post.send(RoundsDone("u", SEAT))
    until(lambda: len(heard) == 4)
    assert heard == [*rounds, RoundsDone("u", SEAT)]


def test_nobody_overtakes_a_bundle_that_is_on_its_way(ends, monkeypatch):
    master_post, worker_post, _, worker = ends
    heard, send = [], worker.send_message
    for kind in (BeginRound, RoundsDone):
        master_post.listen(kind, lambda message, _: heard.append(message))
    on_its_way, go_on = gevent.event.Event(), gevent.event.Event()

    def slow(kind, *rest):
        if kind == BUNDLE:
            on_its_way.set()
            go_on.wait(10)
        send(kind, *rest)

    monkeypatch.setattr(worker, "send_message", slow)
    worker_post.send_soon(BeginRound("u", SEAT, 1))
    on_its_way.wait(10)
    late = gevent.spawn(worker_post.send, RoundsDone("u", SEAT))
    gevent.sleep(0)
    go_on.set()
    late.get(timeout=60)
    until(lambda: len(heard) == 2)
    assert heard == [BeginRound("u", SEAT, 1), RoundsDone("u", SEAT)]


def test_a_handler_that_breaks_takes_no_other_message_with_it(ends, caplog):
    master_post, worker_post, _, _ = ends
    heard = []

    def breaking_at_first(message, _):
        heard.append(message)
        if message.round == 1:
            raise ZeroDivisionError

    master_post.listen(BeginRound, breaking_at_first)
    for number in (1, 2):
        worker_post.send_soon(BeginRound("u", SEAT, number))
    until(lambda: len(heard) == 2)
    assert [message.round for message in heard] == [1, 2]
    until(lambda: "Uncaught exception in handler for mcstress.Bundle" in caplog.text)
    assert "ZeroDivisionError" in caplog.text
