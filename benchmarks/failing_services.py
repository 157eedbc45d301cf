"""The services of a run, of whose searches every third fails: cut short, or without an end.

``python benchmarks/failing_services.py cut|endless`` prints its port and serves until it is ended.
A search's answer has 2 MB; one that is cut short lacks its last bytes.
"""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import count
from pathlib import Path

sys.path[0:1] = [str(Path(__file__).resolve().parents[1])]

from benchmarks.fixed_server import search_body  # noqa: E402  (see above)
from benchmarks.fixed_services import BACKLOG, FixedServices, whole  # noqa: E402  (see above)

ANSWER_BYTES = 2_000_000
ONE_OF = 3
MISSING_BYTES = 10
CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
FAILURES = ("cut", "endless")


def large_search() -> bytes:
    """An answer to a search that is right, and has 2 MB."""
    padded = json.loads(search_body()) | {"padding": "x" * ANSWER_BYTES}
    return whole(json.dumps(padded).encode())


class FailingServices(FixedServices):
    """Answers as FixedServices does, but for searches."""

    failure = FAILURES[0]
    searched = count(1)
    large = large_search()

    def __init__(self) -> None:
        super().__init__()
        self._paused = False

    def _answer(self, request: bytes) -> None:
        if b"/matrix/search" not in request[:64]:
            super()._answer(request)
        elif next(self.searched) % ONE_OF:
            self._transport.write(self.large)
        elif self.failure == "cut":
            self._transport.write(self.large[:-MISSING_BYTES])
            self._transport.close()
        else:
            self._transport.write(CHUNKED)
            self._go_on()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False

    def _go_on(self) -> None:
        """Write chunks for as long as somebody is there."""
        if self._transport.is_closing():
            return
        if not self._paused:
            self._transport.write(CHUNK)
        asyncio.get_running_loop().call_soon(self._go_on)


async def serve() -> None:
    """Serve on a free port of the loopback, and print it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(FailingServices, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    FailingServices.failure = sys.argv[1]
    asyncio.run(serve())
