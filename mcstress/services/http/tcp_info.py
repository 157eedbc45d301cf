"""Whether a request that got no answer was ever taken, in the operating system's own words."""

from __future__ import annotations

import socket
import struct
import time
from typing import Protocol

import gevent

TCP_INFO: int | None = getattr(socket, "TCP_INFO", None)
"""None where the system does not tell: then nothing was refused."""
INFO_BYTES = 28
UNACKED_AT = 24
CLOSED = 7
LOOK_S = 0.001


class TcpSocket(Protocol):
    """What can be asked about its connection."""

    def getsockopt(self, level: int, option: int, length: int, /) -> bytes:
        """An option's bytes."""


def was_refused(sock: TcpSocket, within_s: float) -> bool:
    """Whether the other side had closed before the request came, and its system turned it away.

    To be asked after the end of a stream was read. A close that comes before a request is answered
    by a reset as soon as the request arrives: the connection is gone. A service that took the
    request and then closed leaves it half open, with all of the request acknowledged.
    """
    deadline_s = time.monotonic() + within_s
    while TCP_INFO is not None:
        info = sock.getsockopt(socket.IPPROTO_TCP, TCP_INFO, INFO_BYTES)
        if info[0] == CLOSED:
            return True
        (unacked,) = struct.unpack_from("=I", info, UNACKED_AT)
        if not unacked or time.monotonic() >= deadline_s:
            return False
        gevent.sleep(LOOK_S)
    return False
