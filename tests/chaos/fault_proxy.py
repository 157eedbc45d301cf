"""A proxy between Locust and a service that spoils one call of each trace: one of each phase.

A trio's phase in a round has a trace of its own, which every request names (``traceparent``). The
proxy spoils the first call of each, and the same call again where the client asks again.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPConnection
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from tcp.raw_server import CLOSE, HALF_CLOSE, HOLD, RESET, Act, RawServer, Request, answer

TIMEOUT_S = 1.0
"""Of a run in which outages are timed: what never answers costs a second."""
WAITED_S, PATIENT_S = 3.0, 30.0
"""Of a run where a fault ends by the time-out, and where none does: a busy machine answers late."""
LARGE_BYTES = 100_000_000


class Right(NamedTuple):
    """What the service answered: its status line's end, its body."""

    status: str
    body: bytes

    @property
    def whole(self) -> bytes:
        """The answer as it should go out."""
        return answer(self.body, self.status)

    def with_result(self, **fields: Any) -> bytes:
        """The same with other fields in a search's first hit."""
        content = json.loads(self.body)
        content["results"][0] |= fields
        return answer(json.dumps(content), self.status)


class Fault(NamedTuple):
    """``acts`` in the place of an answer; ``reason``: what the step's error matches, "" for none.

    ``searches``: it is one of a search's answer, for there is nothing alike in others.
    """

    acts: Callable[[Right], Iterable[Act]]
    reason: str
    searches: bool = False


def slowly(text: bytes, size: int, pause_s: float) -> Iterator[Act]:
    """``text`` in parts of ``size`` bytes."""
    for begin in range(0, len(text), size):
        yield text[begin : begin + size]
        yield pause_s


def drip(right: Right) -> Iterator[Act]:
    """An answer of which a byte comes now and then, for ever."""
    yield answer(b" " * 1_000_000, right.status)[:200]
    while True:
        yield 0.05
        yield b" "


def endless(head: bytes, part: bytes) -> Callable[[Right], Iterator[Act]]:
    """``head``, and then ``part`` for ever."""

    def acts(_: Right) -> Iterator[Act]:
        yield head
        while True:
            yield part

    return acts


def large(_: Right) -> Iterator[Act]:
    """An answer of a hundred megabytes, which says so."""
    yield answer(b"", "200 OK").replace(b"Length: 0", b"Length: %d" % LARGE_BYTES)
    for _ in range(LARGE_BYTES // 1_000_000):
        yield b" " * 1_000_000


def given(*acts: Act) -> Callable[[Right], Iterable[Act]]:
    """The same, whatever the right answer is."""
    return lambda _: acts


def text(
    body: bytes, *headers: str, kind: str = "application/json"
) -> Callable[[Right], list[Act]]:
    """A 200 with another body."""
    return lambda _: [answer(body, "200 OK", *headers, content_type=kind)]


TIME_OUT = r"time-out after 3 s"
NO_ANSWER = r"connection (closed|reset)"
CUT = r"(body cut short|connection (closed|reset))"
NOT_JSON = r"200 but (not JSON|not UTF-8|JSON)"
DEEP = r"nested too deep|expected object|missing field"
BAD_HTTP = r"bad HTTP"

OK = b"HTTP/1.1 200 OK\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\n\r\n"

FAULTS: dict[str, Fault] = {
    # What a network does
    "latency": Fault(lambda right: [0.4, right.whole], ""),
    "jitter": Fault(lambda right: [0.1, right.whole[:30], 0.3, right.whole[30:]], ""),
    "bandwidth": Fault(lambda right: slowly(right.whole, 200, 0.01), ""),
    "slow close": Fault(
        lambda right: [answer(right.body, right.status, "Connection: close"), 0.5, CLOSE], ""
    ),
    "reset": Fault(given(RESET), NO_ANSWER),
    "closed": Fault(given(CLOSE), NO_ANSWER),
    "half-open": Fault(given(HALF_CLOSE, HOLD), NO_ANSWER),
    "blackhole": Fault(given(HOLD), TIME_OUT),
    "cut in the head": Fault(lambda right: [right.whole[:20], CLOSE], CUT),
    "cut in the body": Fault(lambda right: [right.whole[:-1], CLOSE], CUT),
    "reset in the body": Fault(lambda right: [right.whole[:-1], RESET], CUT),
    "stuck in the body": Fault(lambda right: [right.whole[:-1], HOLD], TIME_OUT),
    "a byte now and then": Fault(drip, TIME_OUT),
    # What is no HTTP
    "no HTTP": Fault(given(b"SSH-2.0-OpenSSH_9.6\r\n", CLOSE), BAD_HTTP),
    "HTTP/2": Fault(given(b"\0\0\x12\x04\0\0\0\0\0" + bytes(18), CLOSE), BAD_HTTP),
    "negative length": Fault(given(OK + b"Content-Length: -5\r\n\r\n", CLOSE), BAD_HTTP),
    "two lengths": Fault(
        given(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", CLOSE), BAD_HTTP
    ),
    "bad chunk": Fault(
        given(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}", CLOSE), BAD_HTTP
    ),
    "endless head": Fault(endless(OK, b"X-More: 1\r\n" * 1000), r"head|header"),
    "endless 1xx": Fault(endless(b"", EARLY * 500), r"interim|1xx|head"),
    "endless chunks": Fault(
        endless(
            OK + b"Transfer-Encoding: chunked\r\n\r\n",
            b"100000\r\n" + b" " * 0x100000 + b"\r\n",
        ),
        r"answer over",
    ),
    "100 MB": Fault(large, r"answer over"),
    # What is no answer of the wire's
    "500": Fault(lambda _: [answer({"error": "it is lost"}, "500 x")], "HTTP 500: it is lost"),
    "503 in HTML": Fault(
        lambda _: [answer("<html>", "503 x", content_type="text/html")], r"HTTP 503 \(text/html\)"
    ),
    "429": Fault(lambda _: [answer({"error": "slow down"}, "429 x")], "HTTP 429: slow down"),
    "redirect": Fault(lambda _: [answer("", "302 x", "Location: /")], "redirect 302"),
    "HTML": Fault(text(b"<html>", kind="text/html"), NOT_JSON),
    "nothing": Fault(text(b""), "200 but empty"),
    "cut JSON": Fault(lambda right: [answer(right.body[:-1], right.status)], NOT_JSON),
    "gzip": Fault(
        lambda right: [answer(gzip.compress(right.body), right.status, "Content-Encoding: gzip")],
        "gzip, which was not asked for",
    ),
    "UTF-16": Fault(lambda right: [answer(right.body.decode().encode("utf-16"))], NOT_JSON),
    "Latin-1": Fault(
        text('{"results": [{"id": "ü"}]}'.encode("latin-1")), f"{NOT_JSON}|missing field"
    ),
    "deep": Fault(text(b'{"results":' + b"[" * 50_000 + b"]" * 50_000 + b"}"), DEEP),
    "a list": Fault(text(b"[]"), "expected object, got array"),
    "other fields": Fault(text(b'{"hits": []}'), "missing field"),
    "an error in a 200": Fault(text(b'{"error": "not loaded"}'), "HTTP 200: not loaded"),
    "NaN": Fault(
        lambda right: [right.with_result(distance=float("nan"))], NOT_JSON, searches=True
    ),
    "beyond all numbers": Fault(
        lambda right: [answer(re.sub(rb'"distance": ?[0-9.]+', b'"distance":1e999', right.body))],
        "number out of range",
        searches=True,
    ),
    "wrong types": Fault(
        lambda right: [right.with_result(distance="near")], "expected float", searches=True
    ),
    "an id twice": Fault(
        lambda right: [twice(right)], r"results: id .* twice", searches=True
    ),
    "too many": Fault(lambda right: [too_many(right)], r"of at most 8", searches=True),
}  # fmt: skip


def twice(right: Right) -> bytes:
    """The last hit is the first again."""
    content = json.loads(right.body)
    content["results"][-1] = content["results"][0]
    return answer(json.dumps(content), right.status)


def too_many(right: Right) -> bytes:
    """A hit more than was asked for."""
    content = json.loads(right.body)
    content["results"].append(content["results"][0] | {"id": "w-one-too-many"})
    return answer(json.dumps(content), right.status)


class FaultProxy:
    """Listens on a free port, and hands on to ``upstream``. Use as a context.

    ``choose`` gives the fault for the n-th trace (from 0); ``spoilt`` are the traces whose call
    was, with the path and the fault's name. Every call has the fault of ``outage`` meanwhile.
    """

    def __init__(self, upstream: str, choose: Callable[[int], str | None]) -> None:
        self._upstream = urlsplit(upstream)
        self._choose = choose
        self.outage: str | None = None
        self._traces: dict[str, str | None] = {}
        self._spans: dict[str, str] = {}
        self.spoilt: dict[str, tuple[str, str]] = {}
        self._server = RawServer(self._handle)

    @property
    def url(self) -> str:
        """Its base URL."""
        return self._server.url

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def _handle(self, request: Request) -> Iterable[Act]:
        if self.outage is not None:
            return FAULTS[self.outage].acts(Right("200 OK", b"{}"))
        right = self._asked(request)
        name = self._fault(request, right)
        return [right.whole] if name is None else FAULTS[name].acts(right)

    def _fault(self, request: Request, right: Right) -> str | None:
        _, trace, span, _ = (request.headers.get("traceparent") or "---").split("-")
        if not trace.strip("0")[1:]:  # none, or that of what is asked before a run
            return None
        if span in self._spans:  # the client asks again
            return self._spans[span]
        if trace in self.spoilt:
            return None
        name = self._traces.setdefault(trace, self._choose(len(self._traces)))
        if name is None or (FAULTS[name].searches and b'"distance"' not in right.body):
            return None
        self._spans[span] = name
        self.spoilt[trace] = (request.path, name)
        return name

    def _asked(self, request: Request) -> Right:
        connection = HTTPConnection(self._upstream.hostname, self._upstream.port)
        named = {name: value for name, value in request.headers.items() if name != "connection"}
        connection.request(request.method, request.path, request.body, named)
        got = connection.getresponse()
        body = got.read()
        connection.close()
        return Right(f"{got.status} {got.reason}", body)
