"""Rows in the order of a column, of which a bounded number is in memory, the others on disk.

Rows of a run of ten million events would take half a gigabyte. They are sorted in parts of
``PART`` rows, which wait in a temporary file, and are merged part by part when they are asked for.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[Any]
"""A structured array."""

PART = 200_000
MERGED = 200_000
"""Rows of all parts together that a merge holds, unless more of them have one key."""
FEWEST = 1_000


class SortedRows:
    """Takes blocks of rows, then gives all of them in ascending order of the column ``by``.

    Rows with an equal key come in one block; ``settle`` puts each block in its final order.
    """

    def __init__(self, by: str, part: int = PART, merged: int = MERGED) -> None:
        self._by = by
        self._part, self._merged = part, merged
        self._waiting: list[Rows] = []
        self._waiting_rows = 0
        self._stretches: list[tuple[int, int]] = []
        """Of each part: its first row in the file, and how many there are."""
        self._file: Any = None

    def add(self, rows: Rows) -> None:
        """Take in a block, in any order."""
        if len(rows):
            self._waiting.append(rows)
            self._waiting_rows += len(rows)
        if self._waiting_rows >= self._part:
            self._put_away()

    def blocks(self, settle: Callable[[Rows], Rows]) -> Iterator[Rows]:
        """All rows, in blocks; as often as they are asked for, once no more are added."""
        if self._file is None:
            if self._waiting:
                yield settle(np.concatenate(self._waiting))
            return
        if self._waiting:
            self._put_away()
        parts = [_Part(self._file, self._kind, *stretch) for stretch in self._stretches]
        each = max(self._merged // len(parts), FEWEST)
        while parts := [part for part in parts if part.fill(each)]:
            yield settle(self._next(parts, each))

    def _put_away(self) -> None:
        rows = np.concatenate(self._waiting)
        self._waiting, self._waiting_rows = [], 0
        if self._file is None:
            self._file, self._kind = TemporaryFile(), rows.dtype  # noqa: SIM115  (the next line)
            weakref.finalize(self, self._file.close)
        begin = sum(count for _, count in self._stretches)
        self._file.seek(begin * rows.itemsize)
        self._file.write(rows[np.argsort(rows[self._by], kind="stable")].tobytes())
        self._stretches.append((begin, len(rows)))

    def _next(self, parts: list[_Part], each: int) -> Rows:
        """The rows below the least key that may still come, of all parts."""
        while waiting := [part for part in parts if part.has_more]:
            limit = min(part.held[self._by][-1] for part in waiting)
            below = [part.take_below(self._by, limit) for part in parts]
            if any(map(len, below)):
                return np.concatenate(below)
            # One key fills what is held of a part: only with more of it is it known where it ends.
            for part in waiting:
                if part.held[self._by][-1] == limit:
                    part.fill(len(part.held) + each)
        return np.concatenate([part.take_all() for part in parts])


class _Part:
    """A sorted stretch of the file, read in pieces; ``held`` are the rows that were not taken."""

    def __init__(self, file: Any, kind: np.dtype[Any], begin: int, count: int) -> None:
        self._file, self._kind = file, kind
        self._begin, self._count, self._read = begin, count, 0
        self.held: Rows = np.empty(0, kind)

    @property
    def has_more(self) -> bool:
        """Whether there are rows that were not read yet."""
        return self._read < self._count

    def fill(self, rows: int) -> bool:
        """Hold so many rows, where there are as many; whether any are held."""
        wanted = min(rows - len(self.held), self._count - self._read)
        if wanted > 0:
            self._file.seek((self._begin + self._read) * self._kind.itemsize)
            read = self._file.read(wanted * self._kind.itemsize)
            self.held = np.concatenate([self.held, np.frombuffer(read, self._kind)])
            self._read += wanted
        return bool(len(self.held))

    def take_below(self, by: str, limit: Any) -> Rows:
        """The rows with a key below ``limit``."""
        end = int(np.searchsorted(self.held[by], limit))
        taken, self.held = self.held[:end], self.held[end:]
        return taken

    def take_all(self) -> Rows:
        """All that is held."""
        taken, self.held = self.held, self.held[:0]
        return taken
