"""A way of sending to a server, and the manners of the process that sends."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    import httpx

    from mcstress.tracing.langfuse.response import Reply, Sent
    from mcstress.tracing.observation import Entry


class Batch(Protocol):
    """A body while it is written, of which it holds no entries: they may go as they are added.

    ``size`` is its length before compression.
    """

    size: int

    def add(self, entry: Entry, encoded: bytes, /) -> None:
        """Append an entry that the road has encoded."""

    def work(self) -> None:
        """Do what can be done now with what was added."""

    def close(self) -> bytes:
        """The whole body, as it is sent."""

    def read(self, response: httpx.Response, sent: list[Sent], /) -> Reply[Sent]:
        """The fate of what is in it, ``sent`` in the order of adding, from a 2xx answer."""


class Encoder(Protocol):
    """A way of sending: where to, and how an entry and a body are written."""

    path: ClassVar[str]
    headers: ClassVar[Mapping[str, str]]

    def encode(self, entry: Entry, /) -> bytes:
        """One entry."""

    def letter(self) -> Batch:
        """An empty body."""


@dataclass(frozen=True)
class SendPolicy:
    """How the process wants to be treated while a body is made and on its way.

    ``yield_to_loop`` is called every ``slice_size`` entries; ``limit`` is a context that raises an
    ``httpx.TimeoutException`` after so many seconds.
    """

    yield_to_loop: Callable[[], None] = lambda: None
    limit: Callable[[float], AbstractContextManager[object]] = contextlib.nullcontext
    slice_size: int = 50
