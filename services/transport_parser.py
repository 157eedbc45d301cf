"""Answers of one connection, parsed by llhttp as their bytes come in."""

from __future__ import annotations

import re

import httptools
import msgspec

from services.errors import NoAnswerError, TransportError

HEAD_LIMIT_BYTES = 64 * 1024
END_OF_HEAD = b"\r\n\r\n"
INTERIM = range(100, 200)


class Reply(msgspec.Struct, frozen=True, gc=False):
    """An answer. ``received`` begins with its status line and headers, as they came.

    They are looked into only where something is wrong, which keeps them off the hot path.
    ``resent``: the request was sent twice, since its connection had been closed before the first.
    """

    status: int
    body: bytes
    received: bytes = b""
    resent: bool = False

    @property
    def content_type(self) -> str:
        """The header as it came, empty where there was none."""
        return self.header(b"content-type").decode("latin-1")

    def header(self, name: bytes) -> bytes:
        """The value of a header, empty where there is none; ``name`` in any case."""
        head = self.received.partition(END_OF_HEAD)[0]
        found = re.search(rb"(?i)\r\n%b:[ \t]*([^\r\n]*)" % name, head)
        return found[1].rstrip() if found else b""


class ReplyParser:
    """``begin``, then feed it what was received until ``complete``; then begin the next answer.

    Interim answers (1xx) are skipped. The ``on_…`` methods are called by llhttp.
    """

    def __init__(self) -> None:
        self._heads: list[bytes] = []
        self._body: list[bytes] = []
        self.on_body = self._body.append
        self._llhttp = httptools.HttpResponseParser(self)

    def begin(self, size_limit_bytes: int) -> None:
        """Forget the last answer; the next one may have so many bytes, with its headers."""
        self._size_limit_bytes = size_limit_bytes
        self.complete = False
        self.keep_alive = False
        self.received_bytes = 0
        self._headers_complete = False
        self._interims = 0
        if self._heads or self._body:
            self.let_go()

    def let_go(self) -> None:
        """Hold the answer's bytes no longer: thousands of users are silent most of the time."""
        self._heads.clear()
        self._body.clear()

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Whatever follows a complete answer ends the connection with it."""
        self.received_bytes += len(data)
        if not self._headers_complete:
            self._heads.append(data)
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
        if self.received_bytes > self._size_limit_bytes:
            raise TransportError(f"answer over {self._size_limit_bytes} bytes")
        if not self._headers_complete and self.received_bytes > HEAD_LIMIT_BYTES:
            raise TransportError(f"headers over {HEAD_LIMIT_BYTES} bytes")

    def end(self) -> None:
        """The other side closed: a body of no declared length is complete, any other is cut."""
        if not self.received_bytes:
            raise NoAnswerError("connection closed without an answer")
        if not self._headers_complete:
            raise TransportError("connection closed inside the headers")
        reply = self.reply()
        if length := reply.header(b"content-length"):
            raise TransportError(f"body cut short: {len(reply.body)} of {int(length)} bytes")
        if b"chunked" in reply.header(b"transfer-encoding").lower():
            raise TransportError(f"body cut short: {len(reply.body)} bytes, the last chunk missing")
        self.complete = True

    def reply(self) -> Reply:
        """The answer so far."""
        received = b"".join(self._heads)
        for _ in range(self._interims):
            received = received.partition(END_OF_HEAD)[2]
        return Reply(self._llhttp.get_status_code(), b"".join(self._body), received)

    def on_message_begin(self) -> None:
        if self.complete:
            raise TransportError("more bytes than the answer")

    def on_headers_complete(self) -> None:
        self._headers_complete = True

    def on_message_complete(self) -> None:
        if self._llhttp.get_status_code() in INTERIM:
            self._headers_complete = False
            self._interims += 1
        else:
            self.complete = True
            self.keep_alive = self._llhttp.should_keep_alive()
