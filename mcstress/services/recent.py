"""What was made of late, for as long as somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

KEPT_S = 30.0
MOST = 8192


class Recent(Generic[K, V]):
    """Values by key. One that nobody asks for is gone after one to two times ``kept_s`` (s).

    A cache of a fixed size grows until it is full: of things that are asked for during a minute and
    never again, as the traces of rounds that are over, that is for most of an hour. There are never
    more than ``most`` values here.
    """

    def __init__(
        self, kept_s: float = KEPT_S, most: int = MOST, clock: Callable[[], float] = monotonic
    ) -> None:
        self._kept_s, self._most, self._clock = kept_s, most, clock
        self._until_s = clock() + kept_s
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        """The value of ``key``; None where it is gone, or was never there."""
        found = self._young.get(key)
        if found is None and (found := self._old.pop(key, None)) is not None:
            self.put(key, found)
        return found

    def put(self, key: K, value: V) -> V:
        """Keep a value; it is the answer, too."""
        now_s = self._clock()
        if now_s >= self._until_s or 2 * len(self._young) >= self._most:
            is_late = now_s >= self._until_s + self._kept_s
            self._old, self._young = ({} if is_late else self._young), {}
            self._until_s = now_s + self._kept_s
        self._young[key] = value
        return value
