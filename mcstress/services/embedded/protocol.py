"""HTTP as uvicorn speaks it, with a bound on what is no body, and its refusals in JSON."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD_BYTES = 64 * 1024
LINGER_S = 2.0
"""A client that still sends would lose the answer with the connection, were it closed at once."""


class HeadTooLargeError(Exception):
    """Raised in a callback of the parser, which then gives the request up."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. uvicorn and its parser keep all headers and trailers, however many come."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._piece_bytes = 0
        self._head_bytes = 0
        self._progress = False
        self._too_large = False
        self._refused = False

    def data_received(self, data: bytes) -> None:
        """Read on; what is still no whole head, or follows a body, may only have so many bytes."""
        if self._refused:
            return
        self._piece_bytes = len(data)
        self._progress = False
        super().data_received(data)
        self._head_bytes = 0 if self._progress else self._head_bytes + len(data)
        if self._head_bytes > LARGEST_HEAD_BYTES and not self._refused:
            self._too_large = True
            self.send_400_response("")

    def on_headers_complete(self) -> None:
        """Begin to answer, where the head is not too large though it came all at once."""
        self._progress = True
        if self._piece_bytes > LARGEST_HEAD_BYTES:
            head_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if head_bytes > LARGEST_HEAD_BYTES:
                self._too_large = True
                raise HeadTooLargeError
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._progress = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._progress = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or too large, and read no more of it."""
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self._too_large:
            words = f"headers: over {LARGEST_HEAD_BYTES} bytes"
            self._say(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, words)
        else:
            self._say(HTTPStatus.BAD_REQUEST, msg)

    def _say(self, status: HTTPStatus, words: str) -> None:
        body = msgspec.json.encode({"error": words})
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)
