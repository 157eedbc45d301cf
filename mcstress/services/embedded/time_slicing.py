"""Long work in short turns, so that whoever asks for little is answered in between."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mcstress.services.embedded.http import RefusalError

if TYPE_CHECKING:
    from starlette.requests import Request

TURN_S = 0.005
CLIENT_GONE = 499
"""As nginx logs it. Nobody is there to read it."""
ENDING = 503


class Turns:
    """A context for one request's work, which calls ``pause`` before each piece of it.

    Work that takes more than one turn holds ``lock`` from then on: of many such requests only one
    has turns at a time, and a short request waits for that one's only.
    """

    def __init__(self, lock: asyncio.Lock, request: Request) -> None:
        self._lock = lock
        self._request = request
        self._holds = False
        self._since_s = 0.0

    async def __aenter__(self) -> Self:
        self._since_s = time.perf_counter()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        _fault: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._holds:
            self._lock.release()
        if kind is asyncio.CancelledError:  # the stack ends; uvicorn would write a traceback of it
            raise RefusalError(ENDING, "the stack is ending") from None

    async def pause(self) -> None:
        """Let others have their turn where this one is over; RefusalError if the client is gone."""
        if time.perf_counter() - self._since_s < TURN_S:
            return
        if not self._holds:
            await self._lock.acquire()
            self._holds = True
        await asyncio.sleep(0)
        if await self._request.is_disconnected():
            raise RefusalError(CLIENT_GONE, "the client went away")
        self._since_s = time.perf_counter()
