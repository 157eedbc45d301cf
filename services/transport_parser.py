"""Answers of one connection, parsed by llhttp as their bytes come in."""

from __future__ import annotations

import httptools
import msgspec

from services.errors import NoAnswerError, TransportError

HEAD_LIMIT_BYTES = 64 * 1024


class Reply(msgspec.Struct, frozen=True):
    """An answer. ``content_type`` is the header as it came, empty where there was none."""

    status: int
    body: bytes
    content_type: str


class ReplyParser:
    """Feed it what was received until ``complete``; ``begin`` again for the next answer.

    Interim answers (1xx) are skipped. The ``on_…`` methods are called by llhttp.
    """

    def __init__(self, size_limit_bytes: int) -> None:
        self._size_limit_bytes = size_limit_bytes
        self._llhttp = httptools.HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Forget the last answer."""
        self.complete = False
        self.keep_alive = False
        self._received_bytes = 0
        self._reset()

    def _reset(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._headers_complete = False
        self._body = bytearray()

    @property
    def seen(self) -> bool:
        """Whether any byte of an answer came."""
        return self._received_bytes > 0

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes. Whatever follows a complete answer ends the connection with it."""
        self._received_bytes += len(data)
        try:
            self._llhttp.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise TransportError("HTTP 101: the protocol was switched without asking") from None
        except httptools.HttpParserError as error:
            if not self.complete:
                raise TransportError(f"bad HTTP: {error}") from None
            self.keep_alive = False
        if not self.complete:
            self._check_size()

    def _check_size(self) -> None:
        if self._received_bytes > self._size_limit_bytes:
            raise TransportError(f"answer over {self._size_limit_bytes} bytes")
        if not self._headers_complete and self._received_bytes > HEAD_LIMIT_BYTES:
            raise TransportError(f"headers over {HEAD_LIMIT_BYTES} bytes")

    def end(self) -> None:
        """The other side closed: a body of no declared length is complete, any other is cut."""
        if not self.seen:
            raise NoAnswerError("connection closed without an answer")
        if not self._headers_complete:
            raise TransportError("connection closed inside the headers")
        length = self._headers.get(b"content-length")
        if length is not None:
            raise TransportError(f"body cut short: {len(self._body)} of {int(length)} bytes")
        if b"chunked" in self._headers.get(b"transfer-encoding", b"").lower():
            raise TransportError(f"body cut short: {len(self._body)} bytes, the last chunk missing")
        self.complete = True

    def reply(self) -> Reply:
        """The complete answer."""
        content_type = self._headers.get(b"content-type", b"").decode("latin-1")
        return Reply(self._llhttp.get_status_code(), bytes(self._body), content_type)

    def on_message_begin(self) -> None:
        if self.complete:
            raise TransportError("more bytes than the answer")
        self._reset()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._headers_complete:
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self._headers_complete = True

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        if 100 <= self._llhttp.get_status_code() < 200:  # noqa: PLR2004  (interim)
            self._headers_complete = False
            return
        self.complete = True
        self.keep_alive = self._llhttp.should_keep_alive()
