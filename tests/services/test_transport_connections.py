"""What becomes of connections: kept, tried once more, killed, timed out, out of descriptors."""

import contextlib
import gc
import socket

import gevent
import psutil
import pytest
from gevent.monkey import get_original
from standin.process import Standin
from tcp.full_listener import full_listener
from tcp.raw_server import CLOSE, HALF_CLOSE, HOLD, RESET, RawServer, answer, script
from tcp.until import until

from mcstress.errors import TransportError, UsageError
from mcstress.services.http import connection as transport_connection
from mcstress.services.http import transport as transport_module
from mcstress.services.http.transport import Transport

OK = b"HTTP/1.1 200 OK\r\n"
JSON = "application/json"
SEARCH = b'{"query_text": "welders", "corpora": ["workers"], "k": 8, "per_corpus_k": 8}'


def sockets_to(port):
    """How many sockets of this process lead to ``port``, connected or on their way."""
    connections = psutil.Process().net_connections("tcp")
    return sum(bool(found.raddr) and found.raddr.port == port for found in connections)


def seen(reply):
    """What a reply says."""
    return reply.status, reply.body, reply.content_type


def test_a_kept_connection_has_the_whole_time_out_each_time(transport_to):
    with RawServer(script([0.25, answer(b"{}")])) as server:
        transport = transport_to(server, timeout_s=0.4)
        for _ in range(4):
            assert transport.post("/x", b"").status == 200
        assert server.connections == 1


def test_a_connection_closed_while_idle_is_seen_and_replaced_without_sending_on_it(transport_to):
    with RawServer(script([answer(b"1"), HALF_CLOSE], [answer(b"2")])) as server:
        transport = transport_to(server)
        transport.post("/x", b"")
        until(lambda: transport._idle._stream.readable)
        assert not transport._idle._stream._watcher.active, "or the hub would spin"
        assert transport.post("/x", b"").body == b"2"
        assert (server.connections, len(server.requests)) == (2, 2)


@pytest.fixture
def _long_idle(monkeypatch):
    """Every kept connection has lain idle for long."""
    monkeypatch.setattr(transport_module, "IDLE_S", 0.0)


@pytest.mark.usefixtures("_long_idle")
@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_an_idle_connection_that_ends_without_an_answer_is_tried_once_more(end, transport_to):
    with RawServer(script([answer(b"1")], [end], [answer(b"2")])) as server:
        transport = transport_to(server)
        assert [transport.post("/x", b"").body for _ in range(2)] == [b"1", b"2"]
        assert (server.connections, len(server.requests)) == (2, 3)


@pytest.mark.parametrize("acts", [[CLOSE], [RESET], [0.005, CLOSE], [HALF_CLOSE]])
def test_a_service_that_takes_a_request_and_breaks_off_has_failed(acts, transport_to):
    with RawServer(script([answer(b"1")], acts, [answer(b"2")])) as server:
        transport = transport_to(server)
        transport.post("/x", b"")
        with pytest.raises(TransportError, match="without an answer"):
            transport.post("/x", b"")
        assert len(server.requests) == 2


def test_a_request_that_came_after_the_end_is_sent_again_at_once(monkeypatch, transport_to):
    with RawServer(script([answer(b"1"), CLOSE], [answer(b"2")])) as server:
        transport = transport_to(server)
        transport.post("/x", b"")
        until(lambda: transport._idle._stream.readable)
        # As where two requests follow each other faster than the hub looks.
        unseen = property(lambda connection: connection.keep_alive)
        monkeypatch.setattr(transport_connection.Connection, "reusable", unseen)
        assert transport.post("/x", b"").body == b"2"
        assert (server.connections, len(server.requests)) == (2, 2)


@pytest.mark.usefixtures("_long_idle")
def test_it_is_tried_only_once_more(transport_to):
    with RawServer(script([answer(b"1")], [CLOSE])) as server:
        transport = transport_to(server)
        transport.post("/x", b"")
        with pytest.raises(TransportError, match=r"^connection closed without an answer$"):
            transport.post("/x", b"")
        assert len(server.requests) == 3


def test_a_fresh_connection_is_never_tried_again(transport_to):
    with RawServer(script([CLOSE])) as server:
        with pytest.raises(TransportError, match="without an answer"):
            transport_to(server).post("/x", b"")
        assert len(server.requests) == 1


@pytest.mark.usefixtures("_long_idle")
def test_a_service_that_had_time_to_work_is_not_asked_again(monkeypatch, transport_to):
    monkeypatch.setattr(transport_module, "STALE_S", 0.05)
    with RawServer(script([answer(b"1")], [0.2, CLOSE])) as server:
        transport = transport_to(server)
        transport.post("/x", b"")
        with pytest.raises(TransportError, match="without an answer"):
            transport.post("/x", b"")
        assert len(server.requests) == 2


@pytest.mark.usefixtures("_long_idle")
@pytest.mark.parametrize("acts", [[b"H", CLOSE], [OK, HOLD]])
def test_an_answer_that_has_begun_is_never_asked_for_again(acts, transport_to):
    with RawServer(script([answer(b"1")], acts)) as server:
        transport = transport_to(server, timeout_s=0.2)
        transport.post("/x", b"")
        with pytest.raises(TransportError):
            transport.post("/x", b"")
        assert len(server.requests) == 2


class OthersTimeoutError(BaseException):
    """Thrown into a greenlet by somebody else."""


@pytest.mark.parametrize("acts", [[HOLD], [OK, HOLD]])
@pytest.mark.parametrize("thrown", [gevent.GreenletExit(), gevent.Timeout(9), OthersTimeoutError()])
def test_what_is_thrown_into_a_call_takes_the_connection_with_it(acts, thrown, transport_to):
    with RawServer(script([answer(b"1")], acts, [answer(b"2")])) as server:
        transport = transport_to(server)
        transport.post("/x", b"")
        caught = []

        def call():
            try:
                transport.post("/x", b"")
            except BaseException as error:  # noqa: BLE001  (whatever was thrown)
                caught.append(error)

        caller = gevent.spawn(call)
        until(lambda: len(server.requests) == 2)
        caller.kill(thrown)
        assert caught == [thrown]
        until(lambda: server.hangups == 1)
        assert transport.post("/x", b"").body == b"2"


def test_a_greenlet_killed_while_connecting_leaves_nothing_open(transport_to):
    with full_listener() as port:
        before = sockets_to(port)
        transport = transport_to(base_url=f"http://127.0.0.1:{port}", connect_timeout_s=9)
        caller = gevent.spawn(transport.get, "/")
        until(lambda: sockets_to(port) == before + 1)
        caller.kill()
        assert isinstance(caller.value, gevent.GreenletExit)
        until(lambda: sockets_to(port) == before)


def test_nobody_accepts_within_the_connect_time_out(transport_to):
    with full_listener() as port:
        transport = transport_to(base_url=f"http://127.0.0.1:{port}", connect_timeout_s=0.3)
        with pytest.raises(TransportError, match=r"^no connection within 0\.3 s$"):
            transport.get("/")


def test_a_time_out_of_somebody_else_goes_through_a_connect(transport_to):
    with full_listener() as port:
        before = sockets_to(port)
        transport = transport_to(base_url=f"http://127.0.0.1:{port}", connect_timeout_s=9)
        others = gevent.Timeout.start_new(0.05)
        with pytest.raises(gevent.Timeout) as raised:
            transport.get("/")
        assert raised.value is others
        until(lambda: sockets_to(port) == before)


def test_nobody_listens():
    with RawServer(script([HOLD])) as server:
        url = server.url
    with pytest.raises(TransportError, match=r"^connection refused$"):
        Transport(url, connect_timeout_s=1, timeout_s=1).get("/")


def test_a_name_that_nobody_has():
    transport = Transport("http://nobody.invalid", connect_timeout_s=5, timeout_s=1)
    with pytest.raises(TransportError, match=r"^DNS: "):
        transport.get("/")


def test_ipv6(transport_to):
    with RawServer(script([answer(b"{}")]), host="::1") as server:
        assert transport_to(server).get("/").status == 200
        assert server.requests[0].headers["host"] == f"[::1]:{server.port}"


def test_a_large_request_arrives_whole(transport_to):
    body = bytes(range(256)) * 80_000
    with RawServer(script([answer(b"{}")])) as server:
        assert transport_to(server, timeout_s=15).post("/x", body).status == 200
        assert server.requests[0].body == body


def test_an_answer_that_comes_before_the_request_is_read_counts(transport_to):
    refusal = answer({"error": "too large"}, "413 Content Too Large", "Connection: close")
    with RawServer(script([HOLD]), greeting=[refusal, CLOSE]) as server:
        reply = transport_to(server).post("/x", b"x" * 20_000_000)
        assert reply.status == 413


def test_an_answer_that_begins_before_the_request_is_sent_is_read_to_its_end(transport_to):
    whole = answer(b"{}")
    with RawServer(script([whole[9:]]), greeting=[whole[:9], 0.1]) as server:
        assert transport_to(server).post("/x", b"x" * 20_000_000).body == b"{}"


def test_a_time_out_ends_with_its_call(transport_to):
    with RawServer(script([answer(b"{}")])) as server:
        transport = transport_to(server, timeout_s=0.1)
        transport.get("/")
        gevent.sleep(0.25)  # for longer than its time-out, which must not ring in the next call
        assert transport.get("/").status == 200
        assert server.connections == 1


def test_an_answer_that_came_while_this_process_stood_still_is_no_time_out(transport_to):
    with Standin(fault="slow", slow_s=0.1) as standin:  # a process of its own, which goes on
        transport = transport_to(standin, timeout_s=0.5)
        asked = gevent.spawn(transport.post, "/v1/matrix/search", SEARCH)
        gevent.sleep(0.02)
        get_original("time", "sleep")(1.0)
        assert asked.get(timeout=60).status == 200


def test_small_requests_are_not_held_back_by_the_kernel(transport_to):
    with RawServer(script([answer(b"{}")])) as server:
        transport = transport_to(server)
        transport.get("/")
        sock = transport._idle._stream._sock
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_large_answer_arrives_whole(transport_to):
    body = bytes(range(256)) * 80_000
    with RawServer(script([answer(body)])) as server:
        transport = transport_to(server, timeout_s=15, size_limit_bytes=30_000_000)
        assert transport.get("/x").body == body


def test_two_greenlets_that_share_one_by_mistake_get_their_own_answers(transport_to):
    def echo(request):
        return [0.02, answer(request.body)]

    with RawServer(echo) as server:
        transport = transport_to(server)
        calls = [gevent.spawn(transport.post, "/x", b"%d" % i) for i in range(5)]
        gevent.joinall(calls)
        assert [call.value.body for call in calls] == [b"0", b"1", b"2", b"3", b"4"]
        until(lambda: server.hangups == server.connections - 1)


def test_a_token_that_the_service_repeats_is_blanked(transport_to):
    def repeat(request):
        return [answer({"error": f"bad {request.headers['authorization']}"}, "401 x")]

    with RawServer(repeat) as server:
        headers = {"Authorization": "Bearer very-secret"}
        reply = transport_to(server, headers=headers).get("/")
        assert server.requests[0].headers["authorization"] == "Bearer very-secret"
        assert reply.body == b'{"error": "bad Bearer [token]"}'


def test_a_bad_base_url_is_misuse():
    with pytest.raises(UsageError):
        Transport("localhost:80", connect_timeout_s=1, timeout_s=1)


@contextlib.contextmanager
def descriptors_taken(highest):
    """All descriptors up to ``highest`` are in use; skips where the system allows no more."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * highest:
        pytest.skip(f"the hard limit of descriptors is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * highest), hard))
    held = []
    try:
        for _ in range(3):
            while not held or held[-1].fileno() <= highest:
                held.append(socket.socket())
            gevent.sleep(0)  # what other tests left is closed now; fill its place too
            held.append(socket.socket())
        yield
    finally:
        for sock in held:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_answer_is_not_held_while_its_connection_waits(transport_to):
    with RawServer(script([answer(b"x" * 5000)])) as server:
        transport = transport_to(server)
        body = transport.get("/").body
        assert gc.get_referrers(body) == []
        assert not transport_connection._spare[-1]._heads


BROKEN = [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", b"no HTTP at all\r\n\r\n"]
ENDS = [CLOSE, HOLD, RESET]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("end", ENDS)
def test_what_breaks_on_one_connection_is_not_seen_on_another(broken, end, transport_to):
    """They take turns with the parsers."""
    with (
        RawServer(script([answer(b"1")], [answer(b"2")], [answer(b"3")])) as good,
        RawServer(script([answer(b"0")], [broken, end])) as bad,
    ):
        well, badly = transport_to(good), transport_to(bad, timeout_s=0.2)
        assert [well.get("/").body, badly.get("/").body] == [b"1", b"0"]
        with pytest.raises(TransportError):
            badly.get("/")
        assert [well.get("/").body, well.get("/").body] == [b"2", b"3"]
        assert good.connections == 1


def test_connections_that_wait_share_one_parser(transport_to):
    with RawServer(script([answer(b"{}")])) as server:
        transports = [transport_to(server) for _ in range(5)]
        transports[0].get("/")
        spare = list(transport_connection._spare)
        for transport in transports:
            assert transport.get("/").status == 200
        assert transport_connection._spare == spare


def test_descriptors_above_1024_keep_their_connections(transport_to):
    with descriptors_taken(1100), RawServer(script([answer(b"{}")])) as server:
        transport = transport_to(server)
        for _ in range(5):
            assert transport.get("/").status == 200
        assert transport._idle._stream._sock.fileno() > 1024
        assert server.connections == 1


def test_no_descriptor_left_is_a_reason(transport_to):
    resource = pytest.importorskip("resource")
    with RawServer(script([answer(b"{}")])) as server:
        transport = transport_to(server)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as probe:
            lowest = probe.fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            with pytest.raises(TransportError, match=r"^load generator: too many open files$"):
                transport.get("/")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert transport.get("/").status == 200
