"""Answers, good and bad, from a server that sends exactly what it is told to."""

import re
import time

import pytest
from tcp.raw_server import CLOSE, HOLD, RESET, RawServer, answer, script
from tcp.until import until

from mcstress.errors import TransportError
from mcstress.services.http.transport import Transport

OK = b"HTTP/1.1 200 OK\r\n"
JSON = "application/json"


def seen(reply):
    """What a reply says."""
    return reply.status, reply.body, reply.content_type


GOOD_ANSWERS = {
    "content length": ([answer(b"{}")], (200, b"{}", JSON), True),
    "byte by byte": ([bytes([b]) for b in answer(b"{}")], (200, b"{}", JSON), True),
    "no body": ([answer(b"")], (200, b"", JSON), True),
    "chunked": (
        [OK + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n1\r\n \r\n0\r\n\r\n"],
        (200, b"{} ", ""),
        True,
    ),
    "chunked with trailers": (
        [
            OK + b"content-type: a/b\r\nTransfer-Encoding: Chunked\r\n\r\n",
            b"1\r\n{\r\n1\r\n}\r\n0\r\nContent-Type: c/d\r\nX-Sum: 1\r\n\r\n",
        ],
        (200, b"{}", "a/b"),
        True,
    ),
    "until the connection closes": ([OK + b"\r\n{", b"}", CLOSE], (200, b"{}", ""), False),
    "Connection: close": (
        [answer(b"{}", "200 OK", "Connection: close")],
        (200, b"{}", JSON),
        False,
    ),
    "HTTP/1.0": ([b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"], (200, b"{}", ""), False),
    "HTTP/1.0 keep-alive": (
        [b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}"],
        (200, b"{}", ""),
        True,
    ),
    "interim answers": (
        [
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Type: a/b\r\n\r\n",
            OK + b"Content-Length: 2\r\n\r\n{}",
        ],
        (200, b"{}", ""),
        True,
    ),
    "204": ([b"HTTP/1.1 204 No Content\r\n\r\n"], (204, b"", ""), True),
    "304": ([b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"], (304, b"", ""), True),
    "redirect": ([answer(b"", "302 Found", "Location: /there")], (302, b"", JSON), True),
    "more bytes than its length": ([answer(b"{}") + b"}}}"], (200, b"{}", JSON), False),
    "a second answer unasked": (
        [answer(b"{}") + answer(b"[]", "500 x")],
        (200, b"{}", JSON),
        False,
    ),
    "no reason phrase": (
        [b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}"],
        (200, b"{}", ""),
        True,
    ),
}


@pytest.mark.parametrize(("acts", "reply", "keeps"), GOOD_ANSWERS.values(), ids=GOOD_ANSWERS)
def test_a_good_answer_is_read_and_its_connection_kept(acts, reply, keeps, transport_to):
    with RawServer(script(acts)) as server:
        transport = transport_to(server)
        assert [seen(transport.post("/x", b"{}")) for _ in range(3)] == [reply] * 3
        assert server.connections == (1 if keeps else 3)
        transport.close()
        until(lambda: server.hangups == 1 or not keeps)


BAD_ANSWERS = {
    "closed at once": ([CLOSE], "connection closed without an answer"),
    "reset at once": ([RESET], "connection reset by peer without an answer"),
    "closed in the status": ([b"HTTP/1.1 2", CLOSE], "connection closed inside the headers"),
    "closed in the headers": ([OK + b"Content-Le", CLOSE], "connection closed inside the headers"),
    "closed after an interim answer": (
        [b"HTTP/1.1 100 Continue\r\n\r\n", CLOSE],
        "connection closed inside the headers",
    ),
    "closed before the body": (
        [OK + b"Content-Length: 9\r\n\r\n", CLOSE],
        "body cut short: 0 of 9 bytes",
    ),
    "closed in the body": ([answer(b"{}" * 150)[:-180], CLOSE], "body cut short: 120 of 300 bytes"),
    "reset in the body": (
        [answer(b"{}")[:-1], 0.05, RESET],
        "connection reset by peer inside the answer",
    ),
    "closed in a chunk": (
        [OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}", CLOSE],
        "body cut short: 2 bytes, the last chunk missing",
    ),
    "closed before the last chunk": (
        [OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", CLOSE],
        "body cut short: 2 bytes, the last chunk missing",
    ),
    "bad chunk size": (
        [OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"],
        "bad HTTP: .+",
    ),
    "huge chunk size": (
        [OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n"],
        "bad HTTP: .+",
    ),
    "negative length": (
        [OK + b"Content-Length: -1\r\n\r\n"],
        "bad HTTP: .+",
    ),
    "two lengths": (
        [OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"],
        "bad HTTP: .+",
    ),
    "no HTTP": ([b"SSH-2.0-OpenSSH_9.6\r\n"], "bad HTTP: .+"),
    "huge headers": ([OK + b"X: y\r\n" * 20_000], "headers over 65536 bytes"),
    "endless interim answers": (
        [b"HTTP/1.1 100 Continue\r\n\r\n" * 4000],
        "headers over 65536 bytes",
    ),
    "switched protocol": (
        [b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"],
        "HTTP 101: the protocol was switched without asking",
    ),
    "too large": ([answer(b"x" * 300_000)], "answer over 200 kB"),
    "says that it will be too large": (
        [OK + b"Content-Length: 200001\r\n\r\n{", HOLD],
        "answer over 200 kB",
    ),
    "says so after an interim answer": (
        [
            b"HTTP/1.1 103 x\r\nContent-Length: 7\r\n\r\n" + OK,
            b"Content-Length: 9999999\r\n\r\n",
            HOLD,
        ],
        "answer over 200 kB",
    ),
    "too large in chunks": (
        [OK + b"Transfer-Encoding: chunked\r\n\r\n", *[b"2\r\n{}\r\n" * 9_000] * 4, HOLD],
        "answer over 200 kB",
    ),
    "too large until it is closed": ([OK + b"\r\n" + b"x" * 300_000, HOLD], "answer over 200 kB"),
    "endless trailers": (
        [OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 50_000],
        "answer over 200 kB",
    ),
    "silence": ([HOLD], "time-out after 0.3 s"),
    "silence in the body": ([answer(b"{}")[:-1], HOLD], "time-out after 0.3 s inside the answer"),
    "slow drip": ([OK, *[b"X: y\r\n", 0.02] * 3000], "time-out after 0.3 s inside the answer"),
}


@pytest.mark.parametrize(("acts", "reason"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_bad_answer_is_one_reason_and_the_next_call_starts_afresh(acts, reason, transport_to):
    with RawServer(script([answer(b"1")], acts, [answer(b"2")])) as server:
        transport = transport_to(server, timeout_s=0.3, size_limit_bytes=200_000)
        fresh = transport_to(server, timeout_s=0.3, size_limit_bytes=200_000)
        assert transport.post("/x", b"").body == b"1"
        begin = time.monotonic()
        with pytest.raises(TransportError) as caught:
            fresh.post("/x", b"")
        assert re.fullmatch(reason, str(caught.value))
        assert time.monotonic() - begin < 20, "each drop of a minute's would begin a new time-out"
        assert fresh.post("/x", b"").body == b"2"
        assert (server.connections, len(server.requests)) == (3, 3)


def test_an_answer_that_came_at_once_may_not_be_larger_either(transport_to):
    whole = answer(b"x" * 900)
    with RawServer(script([whole])) as server:
        exactly = transport_to(server, size_limit_bytes=len(whole))
        assert len(exactly.post("/x", b"").body) == 900
        with pytest.raises(TransportError, match=r"^answer over \d+ bytes$"):
            transport_to(server, size_limit_bytes=len(whole) - 1).post("/x", b"")
        until(lambda: server.hangups == 1)


def test_a_body_in_tiny_chunks_is_whole(transport_to):
    chunks = b"".join(b"2\r\n%02d\r\n" % (number % 100) for number in range(9_000))
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    with RawServer(script([head, chunks[:30_000], 0.01, chunks[30_000:], b"0\r\n\r\n"])) as server:
        body = transport_to(server).post("/x", b"").body
    assert body == b"".join(b"%02d" % (number % 100) for number in range(9_000))


def test_what_goes_out_is_one_request_with_its_headers(transport_to):
    with RawServer(script([answer(b"{}")])) as server:
        transport = transport_to(
            server,
            base_url=f"{server.url}/lake/",
            headers={"X-Own": "ü".encode("ascii", "replace").decode()},
        )
        transport.post("/v1/x", b'{"a": 1}', "00-" + "1" * 32 + "-" + "2" * 16 + "-01")
        transport.get("/v1/y")
        post, get = server.requests
    assert (post.method, post.path, post.body) == ("POST", "/lake/v1/x", b'{"a": 1}')
    assert post.headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": "multi-coordinator-stress",
        "accept": JSON,
        "accept-encoding": "identity",
        "x-own": "?",
        "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01",
        "content-type": JSON,
        "content-length": "8",
    }
    assert (get.method, get.path, get.body) == ("GET", "/lake/v1/y", b"")
    assert not {"traceparent", "content-type", "content-length"} & set(get.headers)


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX: y", "/a\n", "/\x00", "/ü"])
def test_a_path_cannot_bring_a_header_in(path, transport_to):
    with RawServer(script([answer(b"{}")])) as server:
        with pytest.raises(TransportError, match="no request line can carry"):
            transport_to(server).get(path)
        assert server.connections == 0


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\n": "a"}, {"X:": "a"}, {"X": "ü"}])
def test_a_header_cannot_bring_another_in(headers):
    with pytest.raises(ValueError, match="no header can carry"):
        Transport("http://h", connect_timeout_s=1, timeout_s=1, headers=headers)
