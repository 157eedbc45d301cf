"""Arrivals of a schedule that wait in their order, eight bytes each.

A rate far beyond what a process can begin makes millions of them: whole batches are moved, counted
and given up, and none of that takes longer for more arrivals.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from mcstress.load.schedule import Places


class Batch(msgspec.Struct, gc=False):
    """Arrivals of one second that follow one another: ``due_s[at:end]``, by ``perf_counter``.

    ``offered_per_s`` and ``trial`` are the second's. The array is shared with other batches of the
    second, and never changes.
    """

    due_s: array[float]
    at: int
    end: int
    offered_per_s: float
    trial: int | UnsetType = UNSET

    def __len__(self) -> int:
        return self.end - self.at

    def alike(self, key: Callable[[float], tuple[int, int]]) -> Iterator[tuple[float, int]]:
        """The first of each group with one ``key``, which must not fall, and the group's size."""
        at = self.at
        while at < self.end:
            first_s, after = self.due_s[at], at + 1
            if after < self.end:
                after = bisect_right(self.due_s, key(first_s), after, self.end, key=key)
            yield first_s, after - at
            at = after


class ArrivalQueue:
    """Batches in the order of their times. Whatever is taken leaves the queue."""

    def __init__(self) -> None:
        self._batches: deque[Batch] = deque()
        self._number = 0

    def __len__(self) -> int:
        return self._number

    @property
    def first_s(self) -> float:
        """When the first is due; of an empty queue, never."""
        if not self._batches:
            return float("inf")
        first = self._batches[0]
        return first.due_s[first.at]

    def add(
        self, begins_s: float, places: Places, offered_per_s: float, trial: int | UnsetType
    ) -> None:
        """A second's arrivals, at their ``places`` after its begin."""
        if len(places):
            due_s = array("d", (begins_s + places).tobytes())
            self._append(Batch(due_s, 0, len(due_s), offered_per_s, trial))

    def shift(self, by_s: float) -> None:
        """All of them are due so much later."""
        for batch in self._batches:
            batch.due_s = array("d", (np.frombuffer(batch.due_s) + by_s).tobytes())

    def pop(self) -> tuple[float, Batch]:
        """When the first was due, and of which batch it was."""
        batch = self._batches[0]
        due_s = batch.due_s[batch.at]
        batch.at += 1
        self._number -= 1
        if batch.at == batch.end:
            self._batches.popleft()
        return due_s, batch

    def take_until(self, until_s: float) -> Iterator[Batch]:
        """Take out those that are due by then."""
        return self._take(until_s, bisect_right)

    def take_before(self, before_s: float) -> Iterator[Batch]:
        """Take out those that are due earlier."""
        return self._take(before_s, bisect_left)

    def _take(self, limit_s: float, place: Callable[..., int]) -> Iterator[Batch]:
        while self._batches:
            batch = self._batches[0]
            middle = place(batch.due_s, limit_s, batch.at, batch.end)
            if middle == batch.at:
                return
            self._number -= middle - batch.at
            if middle == batch.end:
                yield self._batches.popleft()
                continue
            at, batch.at = batch.at, middle
            yield Batch(batch.due_s, at, middle, batch.offered_per_s, batch.trial)

    def move_until(self, until_s: float, to: ArrivalQueue) -> None:
        """Those that are due by then go to the end of another queue."""
        for batch in self.take_until(until_s):
            to._append(batch)

    def drop_after(self, after_s: float) -> int:
        """Take out those that are due later; how many there were."""
        dropped = 0
        while self._batches:
            batch = self._batches[-1]
            middle = bisect_right(batch.due_s, after_s, batch.at, batch.end)
            dropped += batch.end - middle
            batch.end = middle
            if middle > batch.at:
                break
            self._batches.pop()
        self._number -= dropped
        return dropped

    def _append(self, batch: Batch) -> None:
        """Joined with the last where one follows the other."""
        self._number += len(batch)
        last = self._batches[-1] if self._batches else None
        if last is not None and last.due_s is batch.due_s and last.end == batch.at:
            last.end = batch.end
        else:
            self._batches.append(batch)
