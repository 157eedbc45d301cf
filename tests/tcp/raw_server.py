"""A server on a raw socket that sends exactly the bytes a test tells it to.

    with RawServer(script([answer(b"{}")], [b"HTTP/1.1 2", CLOSE])) as server:
        Transport(server.url, ...)

Requests are read as HTTP/1.1 with a content length and kept in ``server.requests``. What goes back
is a list of acts: bytes are sent as they are, a float is waited for in seconds, and
``CLOSE``, ``RESET``, ``HALF_CLOSE`` and ``HOLD`` end it. It runs in the test's own process, in
gevent's hub.
"""

from __future__ import annotations

import enum
import json
import socket
import ssl
import struct
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Self

import gevent
from gevent.pool import Pool
from gevent.server import StreamServer


class End(enum.Enum):
    """How a connection ends."""

    CLOSE = "with a FIN"
    RESET = "with a RST"
    HALF_CLOSE = "with a FIN, while requests are still read"
    HOLD = "when the client ends it; until then nothing is sent"


CLOSE, RESET, HALF_CLOSE, HOLD = End

Act = bytes | float | End


class Request(NamedTuple):
    """A request as it came; names of headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


Handle = Callable[[Request], Iterable[Act]]


class RawServer:
    """Listens on a free port of the loopback while its ``with`` block runs.

    ``connections`` counts those accepted, ``hangups`` those that the client closed, ``garbled``
    those on which came what is no HTTP/1.1. ``greeting`` is acted before a request is read.
    """

    def __init__(
        self,
        handle: Handle,
        *,
        greeting: Iterable[Act] = (),
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.hangups = 0
        self.garbled = 0
        self._handle = handle
        self._greeting = greeting
        self._host = host
        self._tls = tls
        self._server = StreamServer((host, 0), self._serve, spawn=Pool())

    @property
    def port(self) -> int:
        """The port that was free."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        gevent.sleep(0)  # who was accepted begins, and so closes its socket when it is killed
        self._server.stop(timeout=0)

    def _serve(self, sock: Any, _: object) -> None:
        self.connections += 1
        try:
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
            self._converse(sock)
        except OSError:
            self.hangups += 1
        except ValueError:
            self.garbled += 1
        finally:
            sock.close()

    def _converse(self, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._act(sock, self._greeting):
            return
        with sock.makefile("rb") as stream:
            self._answer_all(sock, stream)

    def _answer_all(self, sock: Any, stream: Any) -> None:
        while request := read_request(stream):
            self.requests.append(request)
            if self._act(sock, self._handle(request)):
                return
        self.hangups += 1

    def _act(self, sock: Any, acts: Iterable[Act]) -> bool:
        """Whether the connection is over."""
        for act in acts:
            match act:
                case bytes():
                    sock.sendall(act)
                case float() | int():
                    gevent.sleep(act)
                case End.HOLD:
                    return self._hold(sock)
                case End.RESET:
                    linger = struct.pack("ii", 1, 0)
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    return True
                case End.HALF_CLOSE:
                    sock.shutdown(socket.SHUT_WR)
                case End.CLOSE:
                    return True
        return False

    def _hold(self, sock: Any) -> bool:
        while sock.recv(65536):
            pass
        self.hangups += 1
        return True


def read_request(stream: Any) -> Request | None:
    """The next request; None where the client closed instead."""
    line = stream.readline()
    if not line:
        return None
    method, path, _ = line.decode("latin-1").split(" ")
    headers = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body)


def answer(
    body: bytes | str | Any,
    status: str = "200 OK",
    *headers: str,
    content_type: str = "application/json",
) -> bytes:
    """A whole answer with a content length. What is neither bytes nor text becomes JSON."""
    if not isinstance(body, bytes | str):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def script(*scripts: Iterable[Act]) -> Handle:
    """The n-th request is met with the n-th list of acts; the last one serves all that follow."""
    remaining = list(scripts)

    def handle(_: Request) -> Iterable[Act]:
        return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return handle


def routes(**answers: Any) -> Handle:
    """JSON by path: ``health={"status": "ok"}`` answers ``/health``, underscores being slashes.

    A function is called with the request. What is not there is a 404.
    """

    def handle(request: Request) -> Iterable[Act]:
        key = request.path.strip("/").replace("/", "_")
        if key not in answers:
            return [answer({"error": f"no {request.path}"}, "404 Not Found")]
        found = answers[key]
        return [answer(found(request) if callable(found) else found)]

    return handle
