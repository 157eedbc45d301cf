"""All services of a run from one process that costs as little as Python can: fixed answers.

``python benchmarks/fixed_services.py`` prints its port and serves until it is ended.
``GET /requests`` tells how many it has answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

sys.path[0:1] = [str(Path(__file__).resolve().parents[1])]

from benchmarks.fixed_server import content_length, search_body  # noqa: E402  (see above)

DEMAND = {
    "role": "warehouse worker",
    "count": 3,
    "location": "Milwaukee, WI",
    "certs": ["forklift certification"],
    "skills": ["order picking"],
    "shift": "day",
}
CORPORA = [{"name": "workers", "size": 5000}, {"name": "ethereal_workers", "size": 10000}]
BACKLOG = 16_384


def whole(body: bytes) -> bytes:
    """An HTTP answer with ``body``."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def chat(content: Any) -> bytes:
    """An LLM's answer."""
    message = {"role": "assistant", "content": json.dumps(content)}
    return whole(json.dumps({"model": "fixed", "message": message, "done": True}).encode())


JUDGED = chat({"rating": 4, "reason": "fixed"})
PARSED = chat(DEMAND)
ANSWERS = {
    b"/v1/matrix/search": whole(search_body()),
    b"/v1/matrix/playbooks/record": whole(b'{"playbook_id": "p-1"}'),
    b"/v1/matrix/corpora": whole(json.dumps({"corpora": CORPORA}).encode()),
    b"/v1/observer/inbox": whole(b'{"id": "inbox-1"}'),
    b"/v1/embed": whole(b'{"vectors": [[0.5, 0.5, 0.5, 0.5]], "dimension": 4}'),
    b"/v1/vectors/index": whole(b"{}"),
    b"/v1/vectors/index/fresh_workers/add": whole(b'{"added": 1}'),
    b"/api/tags": whole(b'{"models": [{"name": "qwen2.5:latest"}]}'),
    b"/health": whole(b'{"status": "ok"}'),
}


class FixedServices(asyncio.Protocol):
    """Answers by the path alone, but for the LLM, which is asked for ratings or for demands."""

    requests = 0

    def __init__(self) -> None:
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._unread + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            length = end + 4 + content_length(data[:end])
            if len(data) < length:
                break
            self._answer(data[:length])
            data = data[length:]
        self._unread = data

    def _answer(self, request: bytes) -> None:
        path = request.split(b" ", 2)[1]
        if path == b"/requests":
            answer = whole(str(FixedServices.requests).encode())
        elif path == b"/api/chat":
            answer = JUDGED if b"rating" in request else PARSED
        else:
            answer = ANSWERS[path]
        FixedServices.requests += 1
        self._transport.write(answer)


async def serve() -> None:
    """Serve on a free port of the loopback, and print it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(FixedServices, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
