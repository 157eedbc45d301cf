"""Answers of one connection, parsed by llhttp as their bytes come in."""

from __future__ import annotations

import re

import httptools
import msgspec

from mcstress.errors import NoAnswerError, TransportError
from mcstress.services.byte_size import size_text

HEAD_LIMIT_BYTES = 64 * 1024
END_OF_HEAD = b"\r\n\r\n"
INTERIM = frozenset(range(100, 200))
LOOSE_PIECES = 1000
"""A piece of a body takes 50 bytes beside its own: a body in tiny chunks would be many times its
size. So many pieces are joined as they come."""


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

    Interim answers (1xx) are skipped. The ``on_…`` methods are called by llhttp. Parser and llhttp
    hold one another: one that is of no more use needs ``discard``, or it stays in memory, with the
    bytes it holds, until Python's collector comes by.
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
        self._length_seen = False
        self._joined = 0
        self._interims = 0

    def discard(self) -> None:
        """Free the answer's bytes and llhttp at once; there is no next answer."""
        self._heads.clear()
        self._body.clear()
        del self._llhttp

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
        if self.received_bytes > self._size_limit_bytes:
            raise self._too_large()
        if not self.complete:
            self._check_unfinished()

    def _check_unfinished(self) -> None:
        """Refuse what will be too large before it has come, and keep what came small."""
        if not self._headers_complete:
            if self.received_bytes > HEAD_LIMIT_BYTES:
                raise TransportError(f"headers over {HEAD_LIMIT_BYTES} bytes")
            return
        if not self._length_seen:
            self._length_seen = True
            if int(self._head().header(b"content-length") or 0) > self._size_limit_bytes:
                raise self._too_large()
        if len(self._body) - self._joined > LOOSE_PIECES:
            self._body[self._joined :] = [b"".join(self._body[self._joined :])]
            self._joined += 1

    def _too_large(self) -> TransportError:
        return TransportError(f"answer over {size_text(self._size_limit_bytes)}")

    def end(self) -> None:
        """The other side closed: a body of no declared length is complete, any other is cut."""
        if not self.received_bytes:
            raise NoAnswerError("connection closed without an answer")
        if not self._headers_complete:
            raise TransportError("connection closed inside the headers")
        head, body_bytes = self._head(), sum(map(len, self._body))
        if length := head.header(b"content-length"):
            raise TransportError(f"body cut short: {body_bytes} of {int(length)} bytes")
        if b"chunked" in head.header(b"transfer-encoding").lower():
            raise TransportError(f"body cut short: {body_bytes} bytes, the last chunk missing")
        self.complete = True

    def reply(self) -> Reply:
        """The answer, which is complete. Its bytes are not kept here while a user is silent."""
        body = b"".join(self._body)
        if self._interims:
            reply = self._head(body)
        else:  # the same, without a call
            reply = Reply(self._llhttp.get_status_code(), body, b"".join(self._heads))
        self._heads.clear()
        self._body.clear()
        return reply

    def _head(self, body: bytes = b"") -> Reply:
        """The answer so far, without its body."""
        received, interims = b"".join(self._heads), self._interims
        while interims:
            received, interims = received.partition(END_OF_HEAD)[2], interims - 1
        return Reply(self._llhttp.get_status_code(), body, received)

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
