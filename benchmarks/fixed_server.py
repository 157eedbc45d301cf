"""A server that costs as little as Python can: the same answer to every request.

``python benchmarks/fixed_server.py [MS]`` prints the port it took and serves until it is ended;
with MS, an answer takes so long, as a real service's does.
"""

from __future__ import annotations

import asyncio
import json
import sys

K = 8
PLACES = ("Milwaukee, WI", "Indianapolis, IN", "Chicago, IL")


def search_body() -> bytes:
    """A search's answer of 2 KB: eight hits with what a worker's metadata holds."""
    results = [
        {
            "id": f"w-{number:05d}",
            "corpus": "workers",
            "distance": 0.2137 + number / 50,
            "metadata": {
                "name": f"Jordan Whitfield {number}",
                "role": "warehouse worker",
                "location": PLACES[number % 3],
                "certs": ["forklift", "OSHA 10"],
                "skills": ["picking", "packing", "inventory"],
                "shift": "night",
                "years": number,
            },
        }
        for number in range(K)
    ]
    counts = {"per_corpus_counts": {"workers": 5, "ethereal_workers": 3}}
    answer = {"results": results, **counts, "playbook_boosted": 1, "playbook_injected": 0}
    return json.dumps(answer, separators=(",", ":")).encode()


def search_answer() -> bytes:
    """The whole answer, with the headers that a gateway behind nginx sends."""
    body = search_body()
    head = (
        "HTTP/1.1 200 OK\r\nServer: fixed\r\nDate: Mon, 05 Jan 2026 08:00:00 GMT\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Connection: keep-alive\r\n\r\n"
    )
    return head.encode() + body


class FixedAnswer(asyncio.Protocol):
    """Counts requests by their content length, and answers each the same."""

    answer = search_answer()

    def __init__(self, takes_ms: float) -> None:
        self._takes_s = takes_ms / 1000
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._unread + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            whole = end + 4 + content_length(data[:end])
            if len(data) < whole:
                break
            data = data[whole:]
            if self._takes_s:
                loop = asyncio.get_running_loop()
                loop.call_later(self._takes_s, self._transport.write, self.answer)
            else:
                self._transport.write(self.answer)
        self._unread = data


def content_length(head: bytes) -> int:
    """The declared length of a request's body."""
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def serve(takes_ms: float) -> None:
    """Serve on a free port of the loopback, and print it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: FixedAnswer(takes_ms), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    if not takes_ms:
        stay_awake(loop)
    await server.serve_forever()


def stay_awake(loop: asyncio.AbstractEventLoop) -> None:
    """Never sleep: on one machine, whoever sends pays for waking the other side.

    That is up to 5 µs, and more the better the client keeps step; over a network it is nothing.
    """
    loop.call_soon(stay_awake, loop)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) if len(sys.argv) > 1 else 0))
