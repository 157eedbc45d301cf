"""A way of sending to a server, and the manners of the process that sends."""

from __future__ import annotations

import contextlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    import httpx

    from tracing.observation import Entry
    from tracing.reply import Reply

_GZIP = 31


class Road(Protocol):
    """A way of sending: where to, how an entry and a body are written, how the answer is read."""

    path: ClassVar[str]
    headers: ClassVar[Mapping[str, str]]
    takes_gzip: ClassVar[bool]

    def encode(self, entry: Entry, /) -> bytes:
        """One entry."""

    def body(self, entries: Sequence[Entry], encoded: Sequence[bytes], /) -> bytes:
        """A body of encoded entries."""

    def read(self, response: httpx.Response, entries: list[Entry], /) -> Reply:
        """The entries' fate from a 2xx answer."""


def gzip(body: bytes) -> bytes:
    """``body`` compressed fast rather than small: level 6 takes twice the time for a quarter."""
    return zlib.compress(body, 1, _GZIP)


@dataclass(frozen=True)
class Manners:
    """How the process wants to be treated while a body is made and on its way.

    ``breathe`` is called every ``slice_size`` entries, ``compress`` may work elsewhere, and
    ``limit`` is a context that raises an ``httpx.TimeoutException`` after so many seconds.
    """

    breathe: Callable[[], None] = lambda: None
    compress: Callable[[bytes], bytes] = gzip
    limit: Callable[[float], AbstractContextManager[object]] = contextlib.nullcontext
    slice_size: int = 25
