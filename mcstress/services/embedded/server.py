"""The server around the application: a loopback socket, uvicorn, and a word when it is ready."""

from __future__ import annotations

import gc
import resource
import socket
from typing import TYPE_CHECKING

import uvicorn

from mcstress.errors import ServiceRefusalError
from mcstress.services.corpus_file import digest_of, read_corpora
from mcstress.services.embedded.app import make_app
from mcstress.services.embedded.protocol import BoundedProtocol
from mcstress.services.embedded.store import Store
from mcstress.services.embedded.system import build_matrix, matrix_of, restore
from mcstress.services.embedded.vocabulary import load_vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from starlette.types import ASGIApp

    from mcstress.services.embedded.faults import InjectedFaults
    from mcstress.services.embedded.matrix import MatrixEngine

BACKLOG = 4096
KEEP_ALIVE_S = 600
GRACE_S = 3


class Server(uvicorn.Server):
    """A uvicorn that says when it answers."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()


def run_server(
    host: str,
    port: int,
    data_dir: Path | None,
    seed: int,
    *,
    faults: InjectedFaults,
    announce: Callable[[str], None],
    corpora: Sequence[Path] = (),
) -> None:
    """Serve until SIGINT or SIGTERM. ``announce`` gets the URL as soon as it answers.

    The corpora are those of the seed, or of the files ``corpora``. ServiceRefusalError where the
    port or the folder cannot be used, UsageError where a file is wrong.
    """
    own = read_corpora(corpora)
    listener = bind(host, port)
    store = Store(data_dir, digest_of(own) if own else seed)
    matrix = matrix_of(own) if own else build_matrix(load_vocabulary(), seed)
    app = faulty_app(matrix, store, faults, seed) if faults else sound_app(matrix, store)
    settle()
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_level="error",
        access_log=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    url = f"http://{host}:{listener.getsockname()[1]}"
    Server(config, lambda: announce(url)).run(sockets=[listener])


def sound_app(matrix: MatrixEngine, store: Store) -> ASGIApp:
    """The application over ``matrix`` with what ``store`` has kept."""
    restore(matrix, store)
    return make_app(matrix, store)


def faulty_app(sound: MatrixEngine, store: Store, faults: InjectedFaults, seed: int) -> ASGIApp:
    """The same with ``faults``; what was forgotten or lost stays so after a restart."""
    from mcstress.services.embedded import faulty_stack  # noqa: PLC0415  # not for a stack without faults

    matrix = faulty_stack.FaultyMatrix(sound, faults, seed)
    restore(matrix, store)
    return faulty_stack.FaultyApp(
        make_app(matrix, store, faulty_stack.FaultyChat(faults, seed)), faults
    )


def bind(host: str, port: int) -> socket.socket:
    """A socket on ``port``, or on a free one where it is 0; it listens when the server starts."""
    # asyncio turns Nagle's delay off only where the protocol is said to be TCP: 40 ms an answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ServiceRefusalError(f"port {port} of {host}: {error.strerror}") from None
    return listener


def settle() -> None:
    """Make room for a connection per user, and spare the collector what stays for good."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.collect()
    gc.freeze()
