"""Reading back how many observations of a run's session a server really has."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
from tenacity import Retrying, retry_if_result, wait_exponential

from mcstress.services.failure_reason import DECODE_ERRORS
from mcstress.tracing.entries import as_it_is
from mcstress.tracing.langfuse.client import LangfuseServer
from mcstress.tracing.langfuse.sdk import LangfuseSdk, describe

if TYPE_CHECKING:
    from mcstress.tracing.langfuse.settings import LangfuseSettings
    from mcstress.tracing.notices import ThrottledWarnings

Limit = Callable[[float], AbstractContextManager[Any]]

FIRST_WITH_OBSERVATIONS_V2 = (4,)
TRACES = "/api/public/traces"
TAG = "stress"
_PAGE = 100
_TIMEOUT_S = 5.0
_SHARE_OF_LAST_LOOK = 1 / 10
"""Of the time, for the last look: one that begins at the very end has no time to count."""
_growing = wait_exponential(multiplier=0.25, max=3)


class _Trace(msgspec.Struct):
    observations: list[str]


class _Meta(msgspec.Struct, rename="camel"):
    total_pages: int


class _Page(msgspec.Struct):
    data: list[_Trace]
    meta: _Meta


def read_back(
    settings: LangfuseSettings,
    session: str,
    expected: int,
    within_s: float,
    notices: ThrottledWarnings,
    *,
    limit: Limit = nullcontext,
) -> int | None:
    """The number of observations in ``session``, asked for again until it is ``expected``.

    After ``within_s`` the last number counts: fewer than expected are no fault, for servers ingest
    late. None, and a warning, where none could be read by then. ``limit`` is a context that raises
    an ``httpx.TimeoutException`` after so many seconds.
    """
    until_s = time.monotonic() + within_s
    last_look_s = until_s - within_s * _SHARE_OF_LAST_LOOK
    reader = _Reader(settings, session, until_s, limit)
    retrying = Retrying(
        wait=lambda state: max(0.0, min(_growing(state), last_look_s - time.monotonic())),
        stop=lambda _: time.monotonic() >= last_look_s,
        retry=retry_if_result(lambda number: number is None or number < expected),
        retry_error_callback=lambda _state: None,
    )
    try:
        retrying(reader.read)
    finally:
        reader.server.close()
    if reader.last is None:
        notices.warn("read back", f"the observations cannot be read back: {reader.fault}")
    return reader.last


class _Reader:
    """Counts once, in the way that the server's version has. ``last`` is the last full count."""

    def __init__(
        self, settings: LangfuseSettings, session: str, until_s: float, limit: Limit
    ) -> None:
        self.last: int | None = None
        self.fault = ""
        self.server = LangfuseServer(settings, as_it_is, timeout_s=_TIMEOUT_S)
        self._official = LangfuseSdk(settings, self.server.http)
        self._session = session
        self._until_s = until_s
        self._limit = limit

    def read(self) -> int | None:
        """The number of observations, or None and a ``fault``."""
        try:
            with self._limit(max(_TIMEOUT_S, self._until_s - time.monotonic())):
                number = self._count()
        except httpx.HTTPError as error:
            number = describe(error)
        if isinstance(number, str):
            self.fault = number
            return None
        self.last, self.fault = number, ""
        return number

    def _count(self) -> int | str:
        outcome = self.server.greet()
        if outcome:
            return outcome.faults[0].text
        if self.server.version >= FIRST_WITH_OBSERVATIONS_V2:
            return self._official.observations(self._session, self._until_s)
        return self._observations_of_traces()

    def _observations_of_traces(self) -> int | str:
        """Older servers list traces, each with the ids of its observations."""
        number, page = 0, 1
        while time.monotonic() < self._until_s:
            try:
                found = self._traces(page)
            except (httpx.HTTPError, *DECODE_ERRORS) as error:
                return f"{self.server.settings.url}{TRACES}: {describe(error)}"
            number += sum(len(trace.observations) for trace in found.data)
            if page >= found.meta.total_pages:
                return number
            page += 1
        return "there was no time to count them all"

    def _traces(self, page: int) -> _Page:
        response = self.server.http.get(
            TRACES,
            params={
                "sessionId": self._session,
                "tags": TAG,
                "fields": "core,observations",
                "limit": _PAGE,
                "page": page,
            },
        )
        return msgspec.json.decode(response.raise_for_status().content, type=_Page)
