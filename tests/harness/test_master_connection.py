"""A worker knows that its master has ended, and takes a short cut of the line for no end."""

from __future__ import annotations

from types import SimpleNamespace

import gevent
import pytest
from free_ports import free_port
from gevent.event import Event
from locust.exception import RPCError
from locust.rpc import Message
from locust.rpc.zmqrpc import Client, Server

from mcstress.worker.master_connection import LOOK_S, LOOKS, MasterConnection

LONG_S = 60
"""The machine may be busy."""


class Line:
    """A worker's end of the line, and a master that can end and begin."""

    def __init__(self):
        self._port = free_port()
        self.begin()
        self._clients = [Client("127.0.0.1", self._port, "worker")]
        self.runner = SimpleNamespace(client=self._clients[0])
        self.lost = Event()
        self.connection = MasterConnection(self.runner, self.lost.set)
        self.speak()

    def speak(self):
        """Say something, and see that it comes."""
        self.runner.client.send(Message("hello", None, "worker"))
        with gevent.Timeout(LONG_S):
            assert self._master.recv_from_client()[1].type == "hello"

    def begin(self):
        with gevent.Timeout(LONG_S):
            while True:
                try:
                    self._master = Server("127.0.0.1", self._port)
                except RPCError:  # libzmq closes in its own time
                    gevent.sleep(0.01)
                else:
                    return

    def end(self):
        self._master.close(linger=0)
        self._master.socket.context.term()

    def connect_anew(self, name):
        """Have another socket of Locust's in place of the one that there is."""
        self.runner.client.close(linger=0)
        self._clients.append(Client("127.0.0.1", self._port, name))
        self.runner.client = self._clients[-1]

    def close(self):
        self.connection.close()
        for client in self._clients:
            client.socket.context.destroy(linger=0)
        self.end()


@pytest.fixture
def line():
    made = Line()
    yield made
    made.close()


def test_a_master_that_ended_is_missed_soon_and_once(line):
    line.end()
    assert line.lost.wait(LONG_S)
    assert line.connection.is_lost
    line.lost.clear()
    assert not line.lost.wait(2 * LOOK_S * LOOKS)


def test_one_that_comes_back_at_once_was_never_away(line):
    for _ in range(3):
        line.end()
        line.begin()
        line.speak()
    assert not line.lost.wait(2 * LOOK_S * LOOKS)
    assert not line.connection.is_lost


def go_and_come_back(line):
    """Miss the master, and see that it is there again."""
    line.end()
    assert line.lost.wait(LONG_S)
    line.begin()
    line.speak()
    with gevent.Timeout(LONG_S):
        while line.connection.is_lost:
            gevent.sleep(LOOK_S)
    line.lost.clear()


def test_one_that_comes_back_later_is_there_again(line):
    go_and_come_back(line)
    line.end()
    assert line.lost.wait(LONG_S)


def test_a_new_socket_of_locusts_is_watched_too(line):
    # One of the same name would be refused while the master has yet to miss the old one.
    line.connect_anew("worker again")
    line.speak()
    assert not line.lost.wait(2 * LOOK_S * LOOKS)
    line.end()
    assert line.lost.wait(LONG_S)


SOON_S = 10
"""Less than the 11.6 s after which a green socket that missed an edge looks again by default."""


def test_a_master_that_ended_is_missed_soon_though_the_socket_was_not_woken(line):
    go_and_come_back(line)  # what the monitor told so far was read: it waits for the next
    monitor = line.runner.client.socket.get_monitor_socket()
    monitor._state_event.stop()  # as where the edge of its descriptor was missed
    line.end()
    assert line.lost.wait(SOON_S)


def test_a_master_that_ended_before_any_other_greenlet_ran_is_missed_too(line):
    for _ in range(20):  # a socket is watched anew before libzmq has let go of what watched before
        line.connection.close()
        line.runner.client.socket.disable_monitor()
        line.connection = MasterConnection(line.runner, line.lost.set)
    line.end()
    assert line.lost.wait(SOON_S)
