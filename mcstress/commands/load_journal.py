"""What ``mcstress load`` has written, so that the same command goes on where it was stopped.

A file for each target and thing in ``$XDG_CACHE_HOME/mcstress/load``, or else in ``~/.cache``; a
line ``first count`` for each batch that was taken.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from xxhash import xxh3_64

from mcstress.errors import UsageError
from mcstress.services.embedded.build_times import cache_folder


class Journal:
    """The places (from 0) of what was written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.places: set[int] = set()
        for line in self._lines():
            first, _, count = line.partition(" ")
            if first.isdecimal() and count.isdecimal():  # a line may be cut
                self.places.update(range(int(first), int(first) + int(count)))

    @classmethod
    def of(cls, what: object) -> Journal:
        """The journal of a target and of what is written to it."""
        digest = xxh3_64(msgspec.json.encode(what)).hexdigest()
        return cls(cache_folder() / "load" / digest)

    @property
    def count(self) -> int:
        """How many things were written."""
        return len(self.places)

    def add(self, first: int, count: int) -> None:
        """Note a batch; UsageError where the file cannot be written."""
        self.places.update(range(first, first + count))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="ascii") as file:
                file.write(f"{first} {count}\n")
        except OSError as error:
            raise UsageError(f"{self._path}: cannot be written: {error.strerror}") from None

    def forget(self) -> None:
        """Begin again."""
        self._path.unlink(missing_ok=True)
        self.places.clear()

    def _lines(self) -> list[str]:
        try:
            return self._path.read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            return []
