"""Where events are read from: an events file, a document of ours, or one laid out by others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from mcstress.evidence.store.lines import Batch, Line, lines_of

ReadBack = Callable[[int, int], bytes]
"""The bytes of a place: (length, offset)."""


class Source(Protocol):
    """Gives its lines once, and later the bytes of any of them."""

    path: Path
    noun: str
    """What a line is called where one is named: "line", "event"."""

    def lines(self) -> Iterator[Line | Batch]:
        """The lines in their order, many together where nothing is wrong with them."""
        ...

    def opened(self) -> AbstractContextManager[ReadBack]:
        """Gives what reads them back."""
        ...


class EventsFile:
    """An append-only file."""

    noun = "line"

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> Iterator[Line | Batch]:
        """All its lines."""
        return lines_of(self.path)

    def opened(self) -> AbstractContextManager[ReadBack]:
        """Reads from the disk."""
        return reading_back(self.path)


@contextmanager
def reading_back(path: Path) -> Iterator[ReadBack]:
    """Gives what reads places of the file at ``path``."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield lambda length, offset: os.pread(descriptor, length, offset)
    finally:
        os.close(descriptor)
