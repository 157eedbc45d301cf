"""How long an answer of a server may be: whatever answers, it must not fill this memory."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_ANSWER = 8 << 20
"""Bytes. The longest that Langfuse gives, a page of 1,000 observations, is a tenth of it."""
_LARGEST_COMPRESSED = LARGEST_ANSWER // 1032
"""Where it is not known how to unpack it bit by bit: deflate makes that much of it at most."""
_GZIP = 31
_PIECE = 1 << 16
"""Bytes that are unpacked at once."""


class AnswerTooLongError(httpx.ReadError):
    """An answer was cut off, since no answer that we ask for is as long."""


def limit_answers(client: httpx.Client) -> httpx.Client:
    """``client``, whose answers end with an AnswerTooLongError after ``LARGEST_ANSWER`` bytes.

    They are asked for uncompressed. Some proxies pack them with gzip all the same: then it is what
    they unpack to that counts.
    """
    client.headers["accept-encoding"] = "identity"
    client.event_hooks = {"response": [*client.event_hooks["response"], _limit]}
    return client


def _limit(response: httpx.Response) -> None:
    """Before the body is read."""
    assert isinstance(response.stream, httpx.SyncByteStream)
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    stream, largest = response.stream, LARGEST_ANSWER
    if encoding == "gzip":
        stream = _Unpacked(stream)
        del response.headers["content-encoding"]
    elif encoding != "identity":
        largest = _LARGEST_COMPRESSED
    response.stream = _Limited(stream, largest)


class _Unpacked(httpx.SyncByteStream):
    """What the bytes of a gzip body unpack to, a piece at a time."""

    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        inflater = zlib.decompressobj(_GZIP)
        try:
            for chunk in self._stream:
                packed = chunk
                while packed:
                    yield inflater.decompress(packed, _PIECE)
                    packed = inflater.unconsumed_tail
            yield inflater.flush()
        except zlib.error as fault:
            raise httpx.DecodingError(str(fault)) from fault

    def close(self) -> None:
        self._stream.close()


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
