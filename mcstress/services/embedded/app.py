"""The embedded stack as one application: gateway and Ollama API on one port."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from mcstress.services.embedded import openapi
from mcstress.services.embedded.chat import Chat
from mcstress.services.embedded.gateway import Gateway
from mcstress.services.embedded.http import RefusalError, failed, no_route, refused
from mcstress.services.embedded.vectors import Vectors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcstress.services.embedded.matrix import MatrixEngine
    from mcstress.services.embedded.store import Store


def make_app(matrix: MatrixEngine, store: Store, chat: Chat | None = None) -> Starlette:
    """The application over ``matrix`` and ``store``, which it closes when it ends, and ``chat``.

    Every error is answered as ``{"error": …}``.
    """

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        store.close()

    return Starlette(
        lifespan=lifespan,
        routes=[
            *Gateway(matrix, store).routes(),
            *(chat or Chat()).routes(),
            *Vectors(matrix, store).routes(),
            *openapi.routes(),
        ],
        exception_handlers={RefusalError: refused, HTTPException: no_route, Exception: failed},
    )
