"""HTTP/1.1 over gevent's sockets: one keep-alive connection per user and service."""

from __future__ import annotations

import time
from collections.abc import Mapping

from msgspec import structs

from mcstress.errors import NoAnswerError
from mcstress.services.http.connection import Connection, connect
from mcstress.services.http.origin import origin
from mcstress.services.http.parser import Reply
from mcstress.services.http.request_head import JSON

__all__ = ["Reply", "Transport"]

LARGEST_ANSWER_BYTES = 8_000_000
"""A search of a thousand hits, each with 1 kB of metadata, has an eighth of it."""
IDLE_S = 1.0
"""Services, and balancers before them, give idle connections up after seconds. One that was in use
just now and ends has failed, and whoever asked again would not see it."""
STALE_S = 1.0
"""A connection that was closed while idle shows it within a round trip; one that ends later had
taken the request, and asking again could do its work twice."""


class Transport:
    """Calls one service. It belongs to one greenlet, and raises TransportError only.

    ``connect_timeout_s`` holds for name, TCP and TLS together, ``timeout_s`` from the first byte
    sent to the last one received, ``size_limit_bytes`` for an answer with its headers; one that is
    larger, or says so, is given up and its connection closed. Redirects are not followed. A request
    is sent a second time only where its connection had served before and ended without a byte of an
    answer, because the other side had closed it: its system refused the request, or the connection
    had lain idle for long and ended at once. A greenlet that is killed in a call takes its
    connection with it. What a service repeats of its token is blanked in the reply: ``secret``, or
    else the bearer token. ``ca`` names the authorities that its certificate is verified by.
    """

    __slots__ = ("_idle", "_idle_since_s", "_target", "base_url")

    def __init__(
        self,
        base_url: str,
        *,
        connect_timeout_s: float,
        timeout_s: float,
        headers: Mapping[str, str] = {},
        size_limit_bytes: int = LARGEST_ANSWER_BYTES,
        secret: str = "",
        ca: str = "",
    ) -> None:
        self._target = origin(
            *(base_url, (*headers.items(),), connect_timeout_s, timeout_s, size_limit_bytes),
            secret=secret,
            ca=ca,
        )
        self.base_url = self._target.base_url
        self._idle: Connection | None = None
        self._idle_since_s = 0.0

    def post(self, path: str, body: bytes, traceparent: str | None = None) -> Reply:
        """The answer to a POST of ``body``, which is JSON."""
        heads, key = self._target.heads, ("POST", path)
        # ``get``: of a subclass of dict, brackets take four times as long.
        head = heads.get(key) or heads[key]
        if traceparent:
            rest = f"traceparent: {traceparent}\r\nContent-Length: {len(body)}\r\n\r\n"
        else:
            rest = f"Content-Length: {len(body)}\r\n\r\n"
        return self._call(b"".join((head, rest.encode(), body)))

    def get(self, path: str, traceparent: str | None = None) -> Reply:
        """The answer to a GET."""
        trace = f"traceparent: {traceparent}\r\n" if traceparent else ""
        return self._call(self._target.heads["GET", path] + f"{trace}\r\n".encode("ascii"))

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        traceparent: str | None = None,
        *,
        content_type: str = JSON,
    ) -> Reply:
        """The answer to any request; no ``body``: none is sent, nor its type."""
        heads = self._target.heads
        head = heads.of(method, path, "" if body is None else content_type)
        trace = f"traceparent: {traceparent}\r\n" if traceparent else ""
        if body is None:
            return self._call(head + f"{trace}\r\n".encode("ascii"))
        rest = f"{trace}Content-Length: {len(body)}\r\n\r\n".encode("ascii")
        return self._call(b"%b%b%b" % (head, rest, body))

    def close(self) -> None:
        """Close the idle connection. A later call opens another."""
        if self._idle:
            self._idle.close()
            self._idle = None

    def _call(self, request: bytes) -> Reply:
        connection, self._idle = self._idle, None
        if connection and connection.reusable:
            begin = time.perf_counter()
            try:
                return self._exchange(connection, request)
            except NoAnswerError as error:
                lay_idle = begin - self._idle_since_s >= IDLE_S
                ended_at_once = time.perf_counter() - begin <= STALE_S
                if not error.refused and not (lay_idle and ended_at_once):
                    raise
            return structs.replace(self._exchange(self._connect(), request), resent=True)
        if connection:
            connection.close()
        return self._exchange(self._connect(), request)

    def _connect(self) -> Connection:
        of = self._target
        return connect(of.url, of.connect_timeout_s, of.timeout_s, of.size_limit_bytes, ca=of.ca)

    def _exchange(self, connection: Connection, request: bytes) -> Reply:
        try:
            reply = connection.exchange(request)
        except BaseException:
            connection.close()
            raise
        if connection.keep_alive and self._idle is None:  # what comes until then is seen next time
            self._idle = connection
            self._idle_since_s = time.perf_counter()
        else:
            connection.close()
        blank = self._target.blank
        if blank is not None and (body := blank(reply.body)) is not reply.body:
            return Reply(reply.status, body, reply.received)
        return reply
