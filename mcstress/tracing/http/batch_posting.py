"""Sending entries to a server, a body at a time: how one is filled, posted, halved and answered."""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Generic, Protocol

import httpx

from mcstress.tracing.http.delivery_outcome import (
    DeliveryOutcome,
    NoAnswer,
    Sent,
    no_answer,
    read_status,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from mcstress.tracing.http.delivery_outcome import Peer
    from mcstress.tracing.observation import TraceEntry

LARGEST_BODY = 4_000_000
"""Bytes before compression: Langfuse's batches may have 4.5 MB."""
TIMEOUT_S = 2.0
UNSERIALISABLE = "cannot be written as JSON"


class BatchBody(Protocol):
    """A body while it is written, of which it holds no entries: they may go as they are added.

    ``size`` is its length before compression.
    """

    size: int

    def add(self, entry: TraceEntry, encoded: bytes, /) -> None:
        """Append an entry that the encoder has encoded."""

    def work(self) -> None:
        """Do what can be done now with what was added."""

    def close(self) -> bytes:
        """The whole body, as it is sent."""

    def read(self, response: httpx.Response, sent: list[Sent], /) -> DeliveryOutcome[Sent]:
        """The fate of what is in it, ``sent`` in the order of adding, from a 2xx answer."""


class Encoder(Protocol):
    """A way of sending: where to, and how an entry and a body are written."""

    @property
    def path(self) -> str:
        """Where bodies are posted, below the client's address, or a URL."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What is said of a body."""

    def encode(self, entry: TraceEntry, /) -> bytes:
        """One entry."""

    def batch(self) -> BatchBody:
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


class Poster(Generic[Sent]):
    """Posts what is ``Sent`` to one server. Nothing here raises for what it or a network does.

    ``entry_of`` makes an entry when its turn comes, the same each time, or None where it cannot.
    """

    def __init__(
        self,
        peer: Peer,
        http: httpx.Client,
        entry_of: Callable[[Sent], TraceEntry | None],
        policy: SendPolicy,
        timeout_s: float,
    ) -> None:
        self.http = http
        self._peer = peer
        self._entry_of = entry_of
        self._policy = policy
        self._timeout_s = timeout_s
        self._largest_body: dict[Encoder, int] = {}

    def send(self, encoder: Encoder, items: Sequence[Sent]) -> DeliveryOutcome[Sent]:
        """Post ``items``, a body at a time, until the server is in no state to take more."""
        outcome: DeliveryOutcome[Sent] = DeliveryOutcome()
        rest = deque(items)
        while rest and not outcome.again:
            outcome.join(self._post(encoder, rest))
        outcome.again += rest
        return outcome

    def call(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response | NoAnswer:
        """One request; the time-out is for each of its steps, and four of it for the whole."""
        try:
            with self._policy.limit(4 * self._timeout_s):
                return self.http.request(method, path, content=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # of a redirect's, too
            return no_answer(self._peer, error, self._timeout_s)

    def _post(self, encoder: Encoder, rest: deque[Sent]) -> DeliveryOutcome[Sent]:
        """Post one body with as much of ``rest`` as fits, and take that off it."""
        batch = encoder.batch()
        sent, lost = self._fill(batch, encoder, rest)
        if not sent:
            return DeliveryOutcome(lost=lost)
        content = batch.close()
        answer = self.call("POST", encoder.path, content=content, headers=encoder.headers)
        if isinstance(answer, NoAnswer):
            outcome = answer.outcome(sent)
            outcome.lost = lost
            return outcome
        outcome = read_status(answer, sent, self._peer) or batch.read(answer, sent)
        if outcome.too_large and len(sent) > 1:
            if answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                largest = self._largest_body.get(encoder, LARGEST_BODY)
                self._largest_body[encoder] = min(largest, batch.size // 2)
            outcome = self._in_halves(encoder, sent)
        outcome.lost = lost + outcome.lost
        return outcome

    def _fill(
        self, batch: BatchBody, encoder: Encoder, rest: deque[Sent]
    ) -> tuple[list[Sent], list[tuple[Sent, str]]]:
        """Move from ``rest`` to ``batch`` what fits: what is in it now, and what cannot be sent.

        An entry is made, written and let go while the processor has it at hand.
        """
        sent: list[Sent] = []
        lost: list[tuple[Sent, str]] = []
        largest = self._largest_body.get(encoder, LARGEST_BODY)
        while rest:
            entry = self._entry_of(rest[0])
            encoded = None if entry is None else _encoded(encoder, entry)
            if entry is None or encoded is None:
                lost.append((rest.popleft(), UNSERIALISABLE))
                continue
            if sent and batch.size + len(encoded) > largest:
                break
            batch.add(entry, encoded)
            sent.append(rest.popleft())
            if len(sent) % self._policy.slice_size == 0:
                batch.work()
                self._policy.yield_to_loop()
        return sent, lost

    def _in_halves(self, encoder: Encoder, items: list[Sent]) -> DeliveryOutcome[Sent]:
        """Post the halves of what was too much at once, or in part not wanted."""
        half = len(items) // 2
        outcome = self.send(encoder, items[:half])
        if outcome.again:
            outcome.again += items[half:]
        else:
            outcome.join(self.send(encoder, items[half:]))
        return outcome


def _encoded(encoder: Encoder, entry: TraceEntry) -> bytes | None:
    """The entry as ``encoder`` writes it; None where a text in it is no text."""
    try:
        return encoder.encode(entry)
    except (UnicodeError, ValueError, TypeError, OverflowError):
        return None
