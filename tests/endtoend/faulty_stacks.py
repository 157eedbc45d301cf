"""Embedded stacks with any faults, on one port: ``http://…/noise=1`` is the one with that fault.

They share what takes seconds to build, the corpora and their index; memory, new indexes and the
clock of an outage are each one's own. As a program it prints its URL and serves until it is ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Self

import psutil

SEED = 42


class FaultyStacks:
    """The process. Use as a context; ``url(faults)`` is a stack's."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self._process.stdout
        self._url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def url(self, faults: str) -> str:
        """A gateway and an LLM with ``faults``."""
        return f"{self._url}/{faults}"


def serve() -> None:
    import uvicorn

    from mcstress.services.embedded import server
    from mcstress.services.embedded.faults import parse_faults
    from mcstress.services.embedded.store import Store
    from mcstress.services.embedded.system import build_matrix
    from mcstress.services.embedded.vocabulary import load_vocabulary

    matrix, apps = build_matrix(load_vocabulary(), SEED), {}

    async def dispatch(scope, receive, send):
        _, faults, rest = scope["path"].split("/", 2)
        if faults not in apps:
            parsed = parse_faults([faults], "path")
            apps[faults] = server.faulty_app(matrix, Store(None, SEED), parsed, SEED)
        await apps[faults](scope | {"path": f"/{rest}"}, receive, send)

    listener = server.bind("127.0.0.1", 0)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)  # noqa: T201  (to who started it)
    config = uvicorn.Config(dispatch, loop="asyncio", lifespan="off", log_level="error")
    parent = psutil.Process(os.getppid())

    class Server(uvicorn.Server):
        async def on_tick(self, counter: int) -> bool:
            """Ends with who started it, too."""
            return await super().on_tick(counter) or not parent.is_running()

    Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve()
