"""A host is looked up once in a while, and anew where nobody answers."""

from __future__ import annotations

import errno
import os
import socket
from collections import Counter

import gevent
import gevent.event
import gevent.socket
import pytest
from tcp.raw_server import RawServer, answer, script

from mcstress.errors import TransportError
from mcstress.services.http import dns as addresses
from mcstress.services.http.transport import Transport


@pytest.fixture
def asked(monkeypatch):
    """The names that the resolver was asked for; all but one are this machine."""
    names = []

    def resolver(host, port, *_):
        names.append(host)
        if host == "nowhere.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(gevent.socket, "getaddrinfo", resolver)
    monkeypatch.setattr(addresses, "_known", {})
    return names


def get(host, port):
    transport = Transport(f"http://{host}:{port}", connect_timeout_s=2, timeout_s=2)
    try:
        return transport.get("/").status
    finally:
        transport.close()


def port_of(server):
    return int(server.url.rpartition(":")[2])


def test_users_who_come_one_after_the_other_ask_once(asked):
    with RawServer(script([answer(b"{}")])) as server:
        assert [get("gateway.example", port_of(server)) for _ in range(3)] == [200] * 3
        assert server.connections == 3
    assert asked == ["gateway.example"]


@pytest.mark.parametrize("host", ["gateway.example", "nowhere.example"])
def test_of_users_who_come_together_one_asks_for_all(asked, monkeypatch, host):
    answers, resolver = [], gevent.socket.getaddrinfo
    may_answer = gevent.event.Event()

    def slow(*args):
        may_answer.wait(10)
        return resolver(*args)

    def ask():
        try:
            answers.append(addresses.addresses(host, 80))
        except socket.gaierror as error:
            answers.append(error.strerror)

    monkeypatch.setattr(gevent.socket, "getaddrinfo", slow)
    users = [gevent.spawn(ask) for _ in range(20)]
    gevent.sleep(0)
    may_answer.set()
    gevent.joinall(users, raise_error=True)
    assert asked == [host]
    assert len(answers) == 20
    assert all(each == answers[0] for each in answers)


def test_where_the_one_that_asks_is_stopped_the_next_one_asks(asked, monkeypatch):
    resolver, hangs = gevent.socket.getaddrinfo, iter([True, False])

    def hanging_at_first(*args):
        if next(hangs):
            gevent.sleep(10)
        return resolver(*args)

    monkeypatch.setattr(gevent.socket, "getaddrinfo", hanging_at_first)
    first, second = (gevent.spawn(addresses.addresses, "gateway.example", 80) for _ in range(2))
    gevent.sleep(0)
    first.kill()
    assert second.get(timeout=60) == [(socket.AF_INET, ("127.0.0.1", 80))]
    assert asked == ["gateway.example"]


def test_a_time_out_forgets_where_the_host_was(asked, monkeypatch):
    monkeypatch.setattr(addresses, "_connected", lambda *_: gevent.sleep(10))
    for _ in range(2):
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
            addresses.connected("gateway.example", 80, 9)
    assert asked == ["gateway.example"] * 2


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EADDRNOTAVAIL])
def test_where_this_machine_is_out_of_something_the_host_is_still_known(asked, monkeypatch, number):
    def out_of_it(*_):
        raise OSError(number, os.strerror(number))

    with RawServer(script([answer(b"{}")])) as server, monkeypatch.context() as patch:
        port = port_of(server)
        assert get("gateway.example", port) == 200
        patch.setattr(addresses, "_connected", out_of_it)
        for _ in range(3):
            with pytest.raises(TransportError, match="load generator: "):
                get("gateway.example", port)
        patch.undo()
        monkeypatch.setattr(gevent.socket, "getaddrinfo", out_of_it)
        assert get("gateway.example", port) == 200
    assert asked == ["gateway.example"]


def test_an_answer_holds_for_a_while_only(asked, monkeypatch):
    monkeypatch.setattr(addresses, "KNOWN_FOR_S", 0)
    with RawServer(script([answer(b"{}")])) as server:
        assert [get("gateway.example", port_of(server)) for _ in range(2)] == [200] * 2
    assert asked == ["gateway.example"] * 2


def test_a_host_that_does_not_answer_is_looked_up_again(asked):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        for _ in range(2):
            with pytest.raises(TransportError, match="connection refused"):
                get("gateway.example", nobody.getsockname()[1])
    assert asked == ["gateway.example"] * 2


def test_a_name_that_nobody_has_is_asked_for_each_time(asked):
    for _ in range(2):
        with pytest.raises(TransportError, match="DNS: Name or service not known"):
            get("nowhere.example", 80)
    assert asked == ["nowhere.example"] * 2


def test_a_number_needs_no_resolver(asked):
    with RawServer(script([answer(b"{}")])) as server:
        assert get("127.0.0.1", port_of(server)) == 200
    assert asked == []


def test_where_one_address_refuses_the_next_is_tried(monkeypatch):
    with RawServer(script([answer(b"{}")])) as server:
        port = port_of(server)
        known = [
            (socket.AF_INET, ("127.0.0.1", 9)),
            (99, ("127.0.0.1", 9)),
            (socket.AF_INET, ("127.0.0.1", port)),
        ]
        monkeypatch.setattr(addresses, "addresses", lambda *_: known)
        assert get("gateway.example", port) == 200


def test_several_addresses_share_the_users_out(monkeypatch):
    with RawServer(script([answer(b"{}")])) as one, RawServer(script([answer(b"{}")])) as other:
        both = [(socket.AF_INET, ("127.0.0.1", port_of(server))) for server in (one, other)]
        monkeypatch.setattr(addresses, "addresses", lambda *_: both)
        assert [get("gateway.example", 80) for _ in range(10)] == [200] * 10
        assert (one.connections, other.connections) == (5, 5)


def test_another_services_connections_take_no_turns(monkeypatch):
    with RawServer(script([answer(b"{}")])) as one, RawServer(script([answer(b"{}")])) as other:
        both = [(socket.AF_INET, ("127.0.0.1", port_of(server))) for server in (one, other)]
        monkeypatch.setattr(addresses, "addresses", lambda *_: both)
        for _ in range(10):
            assert (get("gateway.example", 80), get("llm.example", 80)) == (200, 200)
        for server in (one, other):
            hosts = Counter(request.headers["host"] for request in server.requests)
            assert hosts == {"gateway.example": 5, "llm.example": 5}


@pytest.mark.parametrize("dark_family", [socket.AF_INET, socket.AF_INET6])
def test_an_address_that_drops_packets_is_left_behind(asked, monkeypatch, dark_family):
    dark, resolved = [], gevent.socket.getaddrinfo
    connect = addresses._connected

    def resolver(host, port, *_):
        unheard = (dark_family, socket.SOCK_STREAM, 6, "", ("dark", port))
        return [unheard, *resolved(host, port)]

    def connecting(family, address, within_s):
        if address[0] != "dark":
            return connect(family, address, within_s)
        dark.append(within_s)
        gevent.sleep(min(within_s, 0.01))
        raise TimeoutError

    monkeypatch.setattr(gevent.socket, "getaddrinfo", resolver)
    monkeypatch.setattr(addresses, "_connected", connecting)
    with RawServer(script([answer(b"{}")])) as server:
        assert [get("gateway.example", port_of(server)) for _ in range(4)] == [200] * 4
    assert dark == [1.0]
    assert asked == ["gateway.example"]


def test_what_this_machine_is_out_of_leaves_no_address_behind(asked, monkeypatch):
    """Of several addresses the next is tried, and the one that was not is known as before."""
    resolved, connect, turns = gevent.socket.getaddrinfo, addresses._connected, []

    def connecting(family, address, within_s):
        turns.append(address[0])
        if len(turns) == 1:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        return connect(family, address, within_s)

    def twice(host, port, *_):
        return [*resolved(host, port), *resolved(host, port)]

    monkeypatch.setattr(gevent.socket, "getaddrinfo", twice)
    monkeypatch.setattr(addresses, "_connected", connecting)
    with RawServer(script([answer(b"{}")])) as server:
        port = port_of(server)
        assert get("gateway.example", port) == 200
        assert len(turns) == 2
        assert addresses.shared_among("gateway.example", port) == 2
        # One that takes no connection, on the other hand, is left out.
        monkeypatch.setattr(addresses, "_connected", connect)
        addresses._known["gateway.example", port][1][:] = [
            (socket.AF_INET, ("127.0.0.1", 9)), (socket.AF_INET, ("127.0.0.1", port)),
        ]  # fmt: skip
        assert [get("gateway.example", port) for _ in range(2)] == [200, 200]
        assert addresses.shared_among("gateway.example", port) == 1
    assert asked == ["gateway.example"] * 2, "both addresses were of one look-up"


def test_users_are_shared_among_the_addresses_of_the_first_family_alone(monkeypatch):
    six, four = socket.AF_INET6, socket.AF_INET
    known = [(six, "a"), (four, "b"), (six, "c"), (four, "d"), (four, "e")]
    for order, number in ((known, 2), (known[1:], 3)):
        monkeypatch.setattr(addresses, "addresses", lambda *_, order=order: order)
        assert addresses.shared_among("gateway.example", 80) == number


def test_addresses_of_another_family_stay_behind():
    six, four = socket.AF_INET6, socket.AF_INET
    known = [(six, "a"), (six, "b"), (four, "c"), (six, "d")]
    turns = [addresses.in_turn(known, turn) for turn in range(4)]
    assert {tuple(turn[:2]) for turn in turns} == {tuple(known[:2]), tuple(known[1::-1])}
    assert {tuple(turn[2:]) for turn in turns} == {tuple(known[2:])}
