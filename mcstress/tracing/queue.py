"""The bounded outbox between the users' greenlets and the sender."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from gevent.event import Event as Flag

from mcstress.tracing.observation import Score
from mcstress.tracing.traced_step import TracedStep

if TYPE_CHECKING:
    from collections.abc import Sequence

Queued: TypeAlias = TracedStep | Score
"""What waits: a step, its bodies by reference, or a score."""

_OVERHEAD_BYTES = 600
"""About what an item holds in memory beside its bodies."""


class Outbox:
    """Bounded by items and by the bytes of their bodies. Steps are taken last in, first out.

    What came last is still in the processor's caches: taken first, it costs half of what the oldest
    would. Whatever else waits does so until there is less to do. ``ready`` is set when there is a
    post's worth, ``crowded`` while more than half is used: some then go to the spool.
    """

    def __init__(self, largest_items: int, largest_bytes: int, post: int) -> None:
        self.ready = Flag()
        self.crowded = Flag()
        self.items = 0
        self._bytes = 0
        self._largest_items = largest_items
        self._largest_bytes = largest_bytes
        self._post = post
        self._chunks: list[tuple[Sequence[TracedStep], int]] = []
        self._room = Flag()
        self._room.set()

    def put(self, items: Sequence[TracedStep]) -> None:
        """Append ``items``, which came together, whether there is room or not."""
        try:
            size = sum(map(_size, items))
        except TypeError:  # what has no body is found out, and counted, by the sender
            size = len(items) * _OVERHEAD_BYTES
        self._chunks.append((items, size))
        self._changed(len(items), size)

    def wait_for_room(self, timeout_s: float) -> bool:
        """Let others make room, for so long at most; whether there is some."""
        return bool(self._room.wait(timeout_s))

    def take(self, largest: int) -> list[Queued]:
        """The newest items, by chunks: one at least, ``largest`` items at most."""
        taken: list[Queued] = []
        while self._chunks and (not taken or len(taken) + len(self._chunks[-1][0]) <= largest):
            items, size = self._chunks.pop()
            taken += items
            self._changed(-len(items), -size)
        if self.items < self._post:
            self.ready.clear()
        return taken

    def _changed(self, items: int, size: int) -> None:
        self.items += items
        self._bytes += size
        used = max(self.items / self._largest_items, self._bytes / self._largest_bytes)
        _set(self._room, used < 1)
        _set(self.crowded, used > 1 / 2)
        if self.items >= self._post:
            self.ready.set()


def _set(flag: Flag, value: bool) -> None:
    if value is not flag.is_set():
        (flag.set if value else flag.clear)()


def _size(step: TracedStep) -> int:
    """About the bytes that a step holds in memory."""
    return len(step.request) + len(step.response) + _OVERHEAD_BYTES
