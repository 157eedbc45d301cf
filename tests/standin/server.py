"""The stand-in as a process: python tests/standin/server.py --mode MODE [--port 0].

The first line that it prints is its URL; it answers all of WIRE.md, gateway and LLM, until it is
stopped. ``GET /standin`` says what it has answered, ``POST /standin`` changes settings (modes.py);
``GET /standin/traceparents`` has the newest requests that came with that header.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import deque
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httptools
import msgspec

TESTS = Path(__file__).resolve().parents[1]
sys.path[0:1] = [str(TESTS), str(TESTS.parent)]

from standin.faults import Reply, spoilt, whole  # noqa: E402  (found by the line above)
from standin.modes import MODES  # noqa: E402
from standin.service import Service  # noqa: E402

ADMIN = "/standin"
UNTRACED = f"-{'0' * 31}f-"
"""The trace of the search before a run, which is none of it."""
TRACEPARENTS = "/standin/traceparents"
KEPT_TRACEPARENTS = 50_000


class Crowd:
    """The open connections that have searched: one for each user; and what requests came with."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.most = 0
        self.traceparents: deque[tuple[str, str]] = deque(maxlen=KEPT_TRACEPARENTS)

    def join(self, connection: Connection) -> None:
        """``connection`` has searched."""
        self.connections.add(connection)
        self.most = max(self.most, len(self.connections))


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests are answered in turn."""

    def __init__(self, service: Service, crowd: Crowd) -> None:
        self._service, self._crowd = service, crowd
        self._parser = httptools.HttpRequestParser(self)
        self._url, self._body, self._traceparent = b"", b"", b""

    def connection_made(self, transport: Any) -> None:
        """Keep the way back."""
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        """A client has gone."""
        self._crowd.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Parse what has come; what is no HTTP ends the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_url(self, url: bytes) -> None:
        """A part of the path."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, whole."""
        if name.lower() == b"traceparent":
            self._traceparent = value

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Answer."""
        method, path, body = self._parser.get_method().decode(), self._url.decode(), self._body
        traceparent = self._traceparent.decode()
        self._url, self._body, self._traceparent = b"", b"", b""
        if path.startswith(ADMIN):
            self._send(self._administer(method, path, body))
            return
        if path == "/v1/matrix/search":
            self._crowd.join(self)
        answer = self._service.answer(method, path, body, len(self._crowd.connections))
        if answer.kind == "matrix.search" and UNTRACED in traceparent:
            answer = self._service.set_apart(answer, "untraced search")
        elif traceparent:
            self._crowd.traceparents.append((answer.kind, traceparent))
        fault = self._service.fault_for(answer.kind)
        self._send(spoilt(answer, fault, self._service.mode.slow_s))

    def _administer(self, method: str, path: str, body: bytes) -> Reply:
        if path == TRACEPARENTS:
            return Reply(whole(HTTPStatus.OK, json.dumps([*self._crowd.traceparents]).encode()))
        if method == "POST":
            try:
                self._service.set(json.loads(body))
            except (ValueError, TypeError) as error:
                text = json.dumps({"error": str(error)}).encode()
                return Reply(whole(HTTPStatus.BAD_REQUEST, text))
        told = {
            "calls": self._service.calls,
            "faulted": self._service.faulted,
            "clients": len(self._crowd.connections),
            "most_clients": self._crowd.most,
            "mode": msgspec.to_builtins(self._service.mode),
        }
        return Reply(whole(HTTPStatus.OK, json.dumps(told).encode()))

    def _send(self, reply: Reply) -> None:
        if reply.data is None:
            return
        if reply.after_s:
            later = reply._replace(after_s=0.0)
            asyncio.get_running_loop().call_later(reply.after_s, self._send, later)
            return
        self._transport.write(reply.data)
        if reply.closes:
            self._transport.close()


async def serve(service: Service, port: int, with_stdin: bool) -> None:
    """Listen on the loopback until cancelled, or until stdin ends."""
    loop, crowd = asyncio.get_running_loop(), Crowd()
    server = await loop.create_server(lambda: Connection(service, crowd), "127.0.0.1", port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201  (said to whoever started it)
    if with_stdin:
        await loop.run_in_executor(None, sys.stdin.read)
    else:
        await server.serve_forever()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mode", choices=MODES, default="healthy")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--scenario", default="three_cities", help="whose paraphrases are known")
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON (modes.py)")
    parser.add_argument("--with-stdin", action="store_true", help="end when stdin does")
    options = parser.parse_args()
    service = Service(MODES[options.mode](), options.scenario)
    service.set(options.settings)
    asyncio.run(serve(service, options.port, options.with_stdin))


if __name__ == "__main__":
    main()
