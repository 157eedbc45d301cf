"""The shared secret of a master and its workers: our own messages are signed where there is one."""

from __future__ import annotations

import hmac
import os
import time
from collections import defaultdict
from hashlib import sha256
from itertools import count

VARIABLE = "MCSTRESS_CLUSTER_KEY"
MASTER = "master"
MARK = b"\xc1"
"""What a signed message begins with, and no msgpack: a reader without a key sees the difference."""
MAC_BYTES, NUMBER_BYTES = 32, 8
HEAD_BYTES = len(MARK) + MAC_BYTES + NUMBER_BYTES


class KeyFaultError(Exception):
    """A message is not signed as it should be; the text says how."""


class ClusterKey:
    """Signs messages and checks them; without a key it lets both be.

    A signature covers the kind, who sends, who receives and a number that grows with every message
    to one receiver: none can be altered, passed off as another's or repeated. Numbers begin at the
    time of day, so that those of a master that was started again go on above the last.
    """

    def __init__(self, key: str, own_name: str) -> None:
        self._key = sha256(key.encode()).digest() if key else b""
        self._own_name = own_name
        self._numbers: defaultdict[str, count[int]] = defaultdict(lambda: count(time.time_ns()))
        self._last: dict[str, int] = {}

    @classmethod
    def of_environment(cls, own_name: str) -> ClusterKey:
        """The key that this process was started with."""
        return cls(os.environ.get(VARIABLE, ""), own_name)

    def __bool__(self) -> bool:
        return bool(self._key)

    def seal(self, kind: str, receiver: str, content: bytes) -> bytes:
        """``content`` as it travels. Messages to one receiver must be sent in this order."""
        if not self._key:
            return content
        number = next(self._numbers[receiver]).to_bytes(NUMBER_BYTES)
        return MARK + self._mac(kind, self._own_name, receiver, number, content) + number + content

    def open(self, kind: str, sender: str, sealed: bytes) -> bytes:
        """The content of a message.

        Raises
        ------
        KeyFaultError
            Where it is signed and there is no key here, or the other way round, or with another
            key, or was received before. The words follow the sender's name.
        """
        signed = sealed.startswith(MARK) and len(sealed) >= HEAD_BYTES
        if not self._key:
            if signed:
                raise KeyFaultError(f"signs with a {VARIABLE}, and there is none here")
            return sealed
        if not signed:
            raise KeyFaultError(f"has no {VARIABLE}, and there is one here")
        mac, rest = sealed[1 : 1 + MAC_BYTES], sealed[1 + MAC_BYTES :]
        number, content = rest[:NUMBER_BYTES], rest[NUMBER_BYTES:]
        if not hmac.compare_digest(mac, self._mac(kind, sender, self._own_name, number, content)):
            raise KeyFaultError(f"has another {VARIABLE}")
        self._take_number(sender, int.from_bytes(number))
        return content

    def _take_number(self, sender: str, number: int) -> None:
        if number <= self._last.get(sender, -1):
            raise RepeatedError("was received before")
        self._last[sender] = number

    def _mac(self, kind: str, sender: str, receiver: str, number: bytes, content: bytes) -> bytes:
        names = f"{kind}\0{sender}\0{receiver}\0".encode(errors="surrogatepass")
        return hmac.digest(self._key, b"".join((names, number, content)), "sha256")


class RepeatedError(KeyFaultError):
    """The message was signed with this key and has been received before."""
