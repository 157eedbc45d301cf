"""Where a host is: looked up once in a while, not by every user who connects."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from itertools import count, takewhile
from typing import Any

import gevent.socket
from gevent.event import AsyncResult
from gevent.monkey import get_original

KNOWN_FOR_S = 30.0
"""How long an answer holds. Thousands of users who begin together would else ask a resolver of ten
threads, and wait for one another there: latencies of our own making."""

Address = tuple[int, Any]
"""Family and what ``connect`` takes."""

Host = tuple[str, int]

_known: dict[Host, tuple[float, list[Address]]] = {}
_asked: dict[Host, AsyncResult[list[Address] | None]] = {}
_turns = count()
_look_up_at_once = get_original("socket", "getaddrinfo")


def addresses(host: str, port: int) -> list[Address]:
    """All addresses of ``host``, in the resolver's order; raises ``socket.gaierror``.

    One user asks, and those who come meanwhile wait for the answer.
    """
    key = (host, port)
    while True:
        found = _known.get(key)
        if found is not None and time.monotonic() < found[0]:
            return found[1]
        if (asked := _asked.get(key)) is None:
            return _ask(key)
        if answer := asked.get():
            return answer


def _ask(key: Host) -> list[Address]:
    asked = _asked[key] = AsyncResult()
    try:
        known = _look_up(*key)
        _known[key] = (time.monotonic() + KNOWN_FOR_S, known)
        asked.set(known)
    except OSError as error:
        asked.set_exception(error)
        raise
    except BaseException:  # whoever asked was stopped: the next one asks again
        asked.set(None)
        raise
    finally:
        del _asked[key]
    return known


def _look_up(host: str, port: int) -> list[Address]:
    try:
        answers = _look_up_at_once(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except socket.gaierror:  # a name
        answers = gevent.socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in answers]


def in_turn(known: list[Address]) -> list[Address]:
    """``known``, beginning with another of the first ones of one family each time.

    A name with several addresses shares its users out among them.
    """
    family = known[0][0]
    first = list(takewhile(lambda address: address[0] == family, known))
    start = next(_turns) % len(first)
    return first[start:] + first[:start] + known[len(first) :]


def connected(host: str, port: int) -> gevent.socket.socket:
    """A TCP connection to an address that takes one; raises the last one's OSError."""
    try:
        *others, last = in_turn(addresses(host, port))
        for address in others:
            with suppress(OSError):
                return _connected(*address)
        return _connected(*last)
    except BaseException:  # a time-out too: the host may be elsewhere by now
        _known.pop((host, port), None)
        raise


def _connected(family: int, address: Any) -> gevent.socket.socket:
    sock = gevent.socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock
