"""A host is looked up once in a while, and anew where nobody answers."""

from __future__ import annotations

import socket

import gevent.socket
import pytest
from tcp.raw_server import RawServer, answer, script

from services import addresses
from services.errors import TransportError
from services.transport import Transport


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


def test_users_who_come_together_ask_once(asked):
    with RawServer(script([answer(b"{}")])) as server:
        assert [get("gateway.example", port_of(server)) for _ in range(3)] == [200] * 3
        assert server.connections == 3
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
        both = [(socket.AF_INET, ("127.0.0.1", 9)), (socket.AF_INET, ("127.0.0.1", port))]
        monkeypatch.setattr(addresses, "addresses", lambda *_: both)
        assert get("gateway.example", port) == 200
