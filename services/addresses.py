"""Where a host is: looked up once in a while, not by every user who connects."""

from __future__ import annotations

import socket
import time
from typing import Any

import gevent.socket
from gevent.monkey import get_original

KNOWN_FOR_S = 30.0
"""How long an answer holds. Thousands of users who begin together would else ask a resolver of ten
threads, and wait for one another there: latencies of our own making."""

Address = tuple[int, Any]
"""Family and what ``connect`` takes."""

_known: dict[tuple[str, int], tuple[float, list[Address]]] = {}
_look_up_at_once = get_original("socket", "getaddrinfo")


def addresses(host: str, port: int) -> list[Address]:
    """All addresses of ``host``, in the resolver's order; raises ``socket.gaierror``."""
    found = _known.get((host, port))
    if found is not None and time.monotonic() < found[0]:
        return found[1]
    try:
        answers = _look_up_at_once(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except socket.gaierror:  # a name
        answers = gevent.socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    known = [(family, address) for family, _, _, _, address in answers]
    _known[host, port] = (time.monotonic() + KNOWN_FOR_S, known)
    return known


def forget(host: str, port: int) -> None:
    """Look ``host`` up again next time: it is not where it was."""
    _known.pop((host, port), None)


def connected(host: str, port: int) -> gevent.socket.socket:
    """A TCP connection to the first address that takes one; raises the last one's OSError."""
    fault: OSError | None = None
    for family, address in addresses(host, port):
        sock = gevent.socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.connect(address)
        except OSError as error:
            sock.close()
            fault = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    forget(host, port)
    raise fault or socket.gaierror(socket.EAI_NONAME, "Name or service not known")
