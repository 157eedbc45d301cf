"""Where a host is: looked up once in a while, not by every user who connects."""

from __future__ import annotations

import socket
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, takewhile
from typing import Any

import gevent.socket
from gevent.event import AsyncResult
from gevent.monkey import get_original

from mcstress.errors import OWN_ERRNOS

KNOWN_FOR_S = 30.0
"""How long an answer holds. Thousands of users who begin together would else ask a resolver of ten
threads, and wait for one another there: latencies of our own making."""
LONGEST_TRY_S = 5.0
"""For one address of several: an answer takes a round trip, and one that drops packets never
comes."""

Address = tuple[int, Any]
"""Family and what ``connect`` takes."""

Host = tuple[str, int]

_known: dict[Host, tuple[float, list[Address]]] = {}
_asked: dict[Host, AsyncResult[list[Address] | OSError | None]] = {}
_turns: defaultdict[Host, Iterator[int]] = defaultdict(count)
_look_up_at_once = get_original("socket", "getaddrinfo")


def addresses(host: str, port: int) -> list[Address]:
    """All addresses of ``host``, in the resolver's order; raises ``socket.gaierror``.

    One user asks, and those who come meanwhile wait for the answer.
    """
    key = (host, port)
    while True:
        found = _known.get(key)
        if found is not None and found[1] and time.monotonic() < found[0]:
            return found[1]
        if (asked := _asked.get(key)) is None:
            return _ask(key)
        answer = asked.get()
        if isinstance(answer, OSError):
            raise type(answer)(*answer.args)
        if answer:
            return answer


def _ask(key: Host) -> list[Address]:
    asked = _asked[key] = AsyncResult()
    try:
        known = _look_up(*key)
        _known[key] = (time.monotonic() + KNOWN_FOR_S, known)
        asked.set(known)
    except OSError as error:
        # The error holds all frames up to the user who asked, and gevent's resolver the error: a
        # cycle, with whatever answers those frames hold. Those who wait get a copy.
        traceback.clear_frames(error.__traceback__)
        asked.set(type(error)(*error.args))
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


def shared_among(host: str, port: int) -> int:
    """Among how many addresses the users of a host are shared out; raises OSError."""
    known = addresses(host, port)
    return sum(family == known[0][0] for family, _ in known)


def in_turn(known: list[Address], turn: int) -> list[Address]:
    """``known``, beginning with the next of the first ones of one family each ``turn``.

    A name with several addresses shares its users out among them.
    """
    family = known[0][0]
    first = list(takewhile(lambda address: address[0] == family, known))
    start = turn % len(first)
    return first[start:] + first[:start] + known[len(first) :]


def connected(host: str, port: int, within_s: float) -> gevent.socket.socket:
    """A TCP connection to an address that takes one; raises the last one's OSError.

    Each of several addresses has its share of ``within_s``; the last one has whatever the caller
    gives it. One that took no connection is left out until the host is looked up anew.
    """
    key = (host, port)
    try:
        known = addresses(host, port)
        *others, last = in_turn(known, next(_turns[key]))
        for address in others:
            try:
                return _connected(*address, min(LONGEST_TRY_S, within_s / (len(others) + 1)))
            except OSError as error:
                if error.errno not in OWN_ERRNOS:
                    with suppress(ValueError):  # somebody else has found out
                        known.remove(address)
        return _connected(*last, None)
    except BaseException as error:  # a time-out too: the host may be elsewhere by now
        # What this machine is out of says nothing of the host, and a look-up would need it too.
        if getattr(error, "errno", None) not in OWN_ERRNOS:
            _known.pop(key, None)
        raise


def _connected(family: int, address: Any, within_s: float | None) -> gevent.socket.socket:
    sock = gevent.socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(within_s)
        sock.connect(address)
        sock.settimeout(None)
    except BaseException:
        sock.close()
        raise
    return sock
