"""The bytes of one connection: a socket that waits in gevent's hub, in the clear or under TLS."""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
from typing import Protocol

import gevent.socket
import gevent.ssl
from gevent import get_hub, getcurrent
from gevent.monkey import get_original
from greenlet import greenlet

from mcstress.services.http.base_url import BaseUrl
from mcstress.services.http.dns import connected
from mcstress.services.http.tcp_info import was_refused

OsSocket: type[socket.socket] = get_original("socket", "socket")
RECEIVE_BYTES = 64 * 1024
READ = 1


class Stream(Protocol):
    """Bytes out, bytes in. ``readable``, asked between two answers, says that something came."""

    @property
    def readable(self) -> bool:
        """Whether there are bytes, or the end of them."""

    def send(self, data: bytes) -> None:
        """Send all of ``data``, waiting for room where there is none."""

    def receive(self) -> bytes:
        """The next bytes; none where the other side closed."""

    def was_refused(self, within_s: float) -> bool:
        """Whether it had ended before what was sent last came; asked once its end was read."""

    def close(self) -> None:
        """Give the descriptor back."""


class PlainStream:
    """A TCP socket with one read watcher for all its life. It takes over ``sock``'s descriptor.

    gevent's own ``recv`` starts and stops a watcher around every wait, which costs two epoll_ctl
    calls per answer. A watcher that stays also tells when an idle connection was closed. The
    socket underneath is the operating system's, which never waits: gevent's layer costs 0.4 µs.
    """

    def __init__(self, sock: gevent.socket.socket) -> None:
        self._sock = OsSocket(fileno=sock.detach())
        self._sock.setblocking(False)
        self._hub = get_hub()
        self._waiter: greenlet | None = None
        self.readable = False
        self._watcher = self._hub.loop.io(self._sock.fileno(), READ)
        self._watcher.start(self._on_readable)

    def _on_readable(self) -> None:
        if self._waiter is None:
            self._watcher.stop()
            self.readable = True
        else:
            self._waiter.switch()

    def send(self, data: bytes) -> None:
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:])

    def _send_rest(self, rest: memoryview) -> None:
        while rest:
            gevent.socket.wait_write(self._sock.fileno())
            with contextlib.suppress(BlockingIOError):
                rest = rest[self._sock.send(rest) :]

    def receive(self) -> bytes:
        while True:
            if self.readable:
                self.readable = False
                self._watcher.start(self._on_readable)
            else:
                self._waiter = getcurrent()
                try:
                    self._hub.switch()
                finally:
                    self._waiter = None
            try:
                return self._sock.recv(RECEIVE_BYTES)
            except BlockingIOError:
                continue

    def was_refused(self, within_s: float) -> bool:
        return was_refused(self._sock, within_s)

    def close(self) -> None:
        self._watcher.stop()
        self._watcher.close()
        self._sock.close()


class TlsStream:
    """A verified TLS socket. Its records may hold more than the socket shows, so gevent waits."""

    def __init__(self, sock: gevent.ssl.SSLSocket) -> None:
        self._sock = sock

    @property
    def readable(self) -> bool:
        # Only reading tells an answer or the end from a record of TLS's own, as a session ticket.
        self._sock.settimeout(0.0)
        try:
            self._sock.recv(1)
        except ssl.SSLWantReadError:
            return False
        except OSError:
            return True
        finally:
            self._sock.settimeout(None)
        return True

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def receive(self) -> bytes:
        return self._sock.recv(RECEIVE_BYTES)

    def was_refused(self, within_s: float) -> bool:
        return was_refused(self._sock, within_s)

    def close(self) -> None:
        self._sock.close()


@functools.cache
def tls_context(ca: str = "") -> ssl.SSLContext:
    """The one context of the process and ``ca``: certificates and host names verified.

    ``ca`` is a file of authorities; without one ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name those
    of one's own, as OpenSSL has it. Raises OSError where the file is none.
    """
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        context.load_verify_locations(ca)
    else:
        context.load_default_certs()
    return context


def open_stream(url: BaseUrl, within_s: float, ca: str = "") -> Stream:
    """A connection to the host of ``url``; the caller sees to the time-out, ``within_s``."""
    sock = connected(url.host, url.port, within_s)
    try:
        sock.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        if url.scheme == "https":
            # Shaken hands within wrap_socket, a socket that is interrupted there is left open.
            sock = tls_context(ca).wrap_socket(
                sock, server_hostname=url.host, do_handshake_on_connect=False
            )
            sock.do_handshake()
            return TlsStream(sock)
        return PlainStream(sock)
    except BaseException:
        sock.close()
        raise
