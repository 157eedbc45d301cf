"""Heads of requests: what every call of a service begins with, put together once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from mcstress.errors import TransportError
from mcstress.services.http.base_url import sendable

JSON = "application/json"


class RequestHeads(dict[tuple[str, str], bytes]):
    """Request line and headers by method and path, for all users of one service.

    They lack what differs by call, and the empty line at their end. Raises TransportError for a
    path that no request line can carry.
    """

    def __init__(self, prefix: str, lines: str) -> None:
        self._prefix = prefix
        self._lines = lines

    def __missing__(self, key: tuple[str, str]) -> bytes:
        method, path = key
        head = self[key] = self.of(method, path, JSON if method == "POST" else "")
        return head

    def of(self, method: str, path: str, content_type: str) -> bytes:
        """The head of a request that is not kept: paths that hold an id have no end."""
        if not sendable(path):
            raise TransportError("a path that no request line can carry")
        kind = f"Content-Type: {content_type}\r\n" if content_type else ""
        line = f"{method} {self._prefix}{path} HTTP/1.1\r\n"
        return (line + self._lines + kind).encode("ascii")


@lru_cache(maxsize=64)
def request_heads(prefix: str, lines: str) -> RequestHeads:
    """The heads that go to ``prefix`` with these header ``lines``: one object for all who ask."""
    return RequestHeads(prefix, lines)


def header_lines(headers: Mapping[str, str]) -> str:
    """``headers`` as they go out; a line break in one would begin another, and is refused."""
    for name, value in headers.items():
        if not (sendable(name) and value.isascii() and value.isprintable()) or ":" in name:
            raise ValueError(f"header {name!r}: characters that no header can carry")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())
