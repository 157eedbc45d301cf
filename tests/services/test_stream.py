"""Streams over a pair of sockets: what the operating system does seldom."""

import contextlib
import os
import socket
import ssl
import struct

import gevent.socket
import pytest
from tcp.until import until

from mcstress.services.http import tcp_info
from mcstress.services.http.connection import os_fault
from mcstress.services.http.stream import PlainStream
from mcstress.services.http.tcp_info import CLOSED, INFO_BYTES, UNACKED_AT, was_refused


@pytest.fixture
def pair():
    """A stream, and the socket at its other end."""
    near, far = gevent.socket.socketpair()
    yield near, far
    far.close()


def test_what_finds_no_room_at_all_waits_and_arrives_whole_and_in_order(pair):
    near, far = pair
    near.setblocking(False)
    begun = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            begun += near.send(b"a" * 65536)
    stream = PlainStream(near)
    rest = b"bc" * 500_000
    sender = gevent.spawn(stream.send, rest)
    gevent.sleep(0)
    assert not sender.ready()
    got = b""
    while len(got) < begun + len(rest):
        got += far.recv(1 << 20)
    sender.get(timeout=60)
    stream.close()
    assert got == b"a" * begun + rest


def test_bytes_that_somebody_else_read_are_waited_for_anew(pair):
    """The loop said that there was something: when it is looked for, it is gone."""
    near, far = pair
    copy = os.dup(near.fileno())
    stream = PlainStream(near)
    far.send(b"gone")
    until(lambda: stream.readable)
    assert os.read(copy, 9) == b"gone"
    os.close(copy)
    reader = gevent.spawn(stream.receive)
    gevent.sleep(0)
    assert not reader.ready()
    far.send(b"there")
    assert reader.get(timeout=60) == b"there"
    stream.close()


class Sock:
    """A connection that says one state after another, and then the last."""

    def __init__(self, *states):
        self.states = list(states)

    def getsockopt(self, level, option, length):
        assert (level, option, length) == (socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
        state, unacked = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return struct.pack(f"=B{UNACKED_AT - 1}xI", state, unacked)


OPEN = 8


@pytest.mark.parametrize(
    ("states", "refused"),
    [
        ([(CLOSED, 0)], True),
        ([(OPEN, 0)], False),
        ([(OPEN, 1), (OPEN, 1), (CLOSED, 1)], True),
        ([(OPEN, 1), (OPEN, 0), (CLOSED, 0)], False),
    ],
)
def test_what_became_of_a_request_is_looked_at_until_it_was_acknowledged_or_refused(
    states, refused
):
    assert was_refused(Sock(*states), 5.0) is refused


def test_a_request_that_nobody_acknowledges_in_time_was_not_refused():
    others = gevent.spawn(lambda: None)
    assert was_refused(Sock((OPEN, 1)), 0.02) is False
    assert others.ready(), "others went on meanwhile"


def test_where_the_system_does_not_tell_nothing_was_refused(monkeypatch):
    monkeypatch.setattr(tcp_info, "TCP_INFO", None)
    assert was_refused(Sock((CLOSED, 0)), 5.0) is False


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError("without a number"), "without a number"),
        (TimeoutError("timed out"), "timed out"),
        (ConnectionResetError(104, "x"), "connection reset by peer"),
        (socket.gaierror(-2, "Name or service not known"), "DNS: Name or service not known"),
        (OSError(24, "x"), "load generator: too many open files"),
        (ssl.SSLError(1, "[X] odd"), "TLS: [X] odd"),
    ],
)
def test_an_error_of_the_network_is_a_reason_without_numbers(error, says):
    assert os_fault(error) == says
