"""A call that failed leaves nothing to the garbage collector: its bytes are free at once."""

import contextlib
import gc
import shutil
import tracemalloc
from pathlib import Path

import gevent
import pytest
from tcp.certificate import certify
from tcp.full_listener import full_listener
from tcp.raw_server import CLOSE, HOLD, RESET, Act, RawServer, answer, script
from tcp.until import until

from mcstress.errors import TransportError
from mcstress.services.gateway.client import GatewayClient
from mcstress.services.gateway.schema import SearchRequest
from mcstress.services.http.stream import tls_context
from mcstress.services.http.transport import Transport
from mcstress.services.trace_context import TraceContext

OK = b"HTTP/1.1 200 OK\r\n"
BODY = b"x" * 500_000
LENGTH = b"Content-Length: 600000\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def garbage_of(call):
    """What only the collector would have freed of a call: the least of three times.

    What tests before left running ends at any time, and leaves garbage of its own.
    """
    least = None
    for _ in range(3):
        found = _garbage_of(call)
        least = found if least is None or len(found) < len(least) else least
        if not least:
            break
    return least


def _garbage_of(call):
    gevent.sleep(0.01)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        call()
        gevent.sleep(0.01)
        gc.collect()
        return [*gc.garbage]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def failed(url, **options):
    """The reason of a call that fails."""
    limits = {"connect_timeout_s": 2, "timeout_s": 0.3, "size_limit_bytes": 1_000_000}
    with contextlib.closing(Transport(url, **limits | options)) as transport:
        try:
            return f"no failure: {transport.post('/x', b'').status}"
        except TransportError as error:  # pytest's own holds the error, and so this frame
            return str(error)


ANSWERS: dict[str, list[Act]] = {
    "cut": [OK + LENGTH + BODY, CLOSE],
    "reset": [OK + LENGTH + BODY, RESET],
    "silent": [OK + LENGTH + BODY, HOLD],
    "chunk missing": [OK + CHUNKED + b"5\r\n12345\r\n" * 50_000, CLOSE],
    "bad chunk": [OK + CHUNKED + b"7A120\r\n" + BODY + b"\r\nzz\r\n"],
    "too large": [answer(BODY * 3)],
    "no HTTP": [b"SSH-2.0\r\n" + BODY],
    "headers": [OK + b"X: y\r\n" * 20_000],
    "interim answers": [b"HTTP/1.1 100 Continue\r\n\r\n" * 4000],
    "switched": [b"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"],
    "nothing": [CLOSE],
}


@pytest.mark.parametrize("acts", ANSWERS.values(), ids=ANSWERS)
def test_a_failed_answer_is_free_at_once(acts):
    with RawServer(script(acts)) as server:
        failed(server.url)  # what is made once, and kept
        assert garbage_of(lambda: failed(server.url)) == []


def test_a_whole_answer_that_is_too_large_is_free_at_once():
    with RawServer(script([answer(BODY[:1000])])) as server:
        failed(server.url, size_limit_bytes=100)
        told = []
        assert garbage_of(lambda: told.append(failed(server.url, size_limit_bytes=100))) == []
        assert all(reason.startswith("answer over 100") for reason in told)


def test_its_bytes_are_free_while_the_reason_is_still_at_hand():
    with RawServer(script([OK + b"Content-Length: 9000000\r\n\r\n" + BODY * 16, CLOSE])) as server:
        tracemalloc.start()
        try:
            reasons = [failed(server.url, size_limit_bytes=10**8, timeout_s=9) for _ in range(3)]
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert reasons == ["body cut short: 8000000 of 9000000 bytes"] * 3
    assert held < 1_000_000


def test_whoever_is_killed_in_a_call_leaves_no_bytes():
    with RawServer(script([OK + LENGTH + BODY, HOLD])) as server:

        def kill():
            asked = len(server.requests)
            caller = gevent.spawn(failed, server.url, timeout_s=9)
            until(lambda: len(server.requests) > asked)
            caller.kill()

        kill()
        assert garbage_of(kill) == []


def test_an_answer_after_which_the_connection_closes_leaves_no_parser():
    with (
        RawServer(script([answer(b"{}", "200 OK", "Connection: close")])) as server,
        contextlib.closing(Transport(server.url, connect_timeout_s=2, timeout_s=2)) as transport,
    ):
        transport.get("/")
        assert garbage_of(lambda: transport.get("/")) == []


@pytest.mark.parametrize("body", [b"{", b'{"results": [1]}', b"\xff", b"[" * 20_000, b"<html>"])
@pytest.mark.parametrize("status", ["200 OK", "500 x"])
def test_a_step_of_a_wrong_answer_is_free_with_its_event(body, status):
    trace = TraceContext("ab" * 16)
    request = SearchRequest(query_text="x", corpora=["a"], k=3)
    with (
        RawServer(script([answer(body, status)])) as server,
        contextlib.closing(Transport(server.url, connect_timeout_s=2, timeout_s=2)) as transport,
    ):
        gateway = GatewayClient(transport)
        assert gateway.search(request, trace).error
        assert garbage_of(lambda: gateway.search(request, trace)) == []


def test_a_name_that_nobody_has_leaves_no_frames():
    """Frames hold what their callers hold: the answers of an event that is still going on."""
    failed("http://nobody.invalid", connect_timeout_s=9)
    told = []
    assert (
        garbage_of(lambda: told.append(failed("http://nobody.invalid", connect_timeout_s=9))) == []
    )
    assert all(reason.startswith("DNS: ") for reason in told)


def test_a_connect_that_takes_too_long_leaves_no_frames():
    with full_listener() as port:
        url = f"http://127.0.0.1:{port}"
        failed(url, connect_timeout_s=0.1)
        told = []
        assert garbage_of(lambda: told.append(failed(url, connect_timeout_s=0.1))) == []
        assert all(reason == "no connection within 0.1 s" for reason in told)


def test_all_who_wait_for_a_name_that_nobody_has_are_told_and_free():
    def all_fail():
        callers = [
            gevent.spawn(failed, "http://nobody.invalid", connect_timeout_s=9) for _ in "abc"
        ]
        return {caller.get()[:5] for caller in callers}

    all_fail()
    told = []
    assert garbage_of(lambda: told.append(all_fail())) == []
    assert all(reason == {"DNS: "} for reason in told)


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to certify with")
@pytest.mark.parametrize(
    "acts", [[OK + LENGTH + BODY, CLOSE], [OK + LENGTH + BODY, HOLD], [answer(BODY * 3)], [CLOSE]]
)
def test_nor_does_tls_leave_anything(acts, tmp_path: Path, monkeypatch):
    context, certificate = certify(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_context.cache_clear()
    try:
        with RawServer(script(acts), tls=context) as server:
            failed(server.url)
            assert garbage_of(lambda: failed(server.url)) == []
    finally:
        tls_context.cache_clear()
