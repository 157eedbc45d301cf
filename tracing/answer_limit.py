"""How long an answer of a Langfuse may be: whatever answers, it must not fill this memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_ANSWER = 8 << 20
"""Bytes. The longest that Langfuse gives, a page of 1,000 observations, is a tenth of it."""
_LARGEST_COMPRESSED = LARGEST_ANSWER // 1032
"""Deflate makes that much of it at most."""


class AnswerTooLongError(httpx.ReadError):
    """An answer was cut off, since nothing of Langfuse's is as long."""


def limit_answers(client: httpx.Client) -> httpx.Client:
    """``client``, whose answers end with an AnswerTooLongError after ``LARGEST_ANSWER`` bytes.

    They are asked for uncompressed; compressed all the same, they may not become longer than that.
    """
    client.headers["accept-encoding"] = "identity"
    client.event_hooks = {"response": [*client.event_hooks["response"], _limit]}
    return client


def _limit(response: httpx.Response) -> None:
    """Before the body is read."""
    assert isinstance(response.stream, httpx.SyncByteStream)
    as_it_is = response.headers.get("content-encoding", "identity") == "identity"
    response.stream = _Limited(response.stream, LARGEST_ANSWER if as_it_is else _LARGEST_COMPRESSED)


class _Limited(httpx.SyncByteStream):
    """The bytes of a body up to ``largest``."""

    def __init__(self, stream: httpx.SyncByteStream, largest: int) -> None:
        self._stream = stream
        self._largest = largest

    def __iter__(self) -> Iterator[bytes]:
        room = self._largest
        for chunk in self._stream:
            room -= len(chunk)
            if room < 0:
                raise AnswerTooLongError(f"an answer of more than {self._largest:,} bytes")
            yield chunk

    def close(self) -> None:
        self._stream.close()
