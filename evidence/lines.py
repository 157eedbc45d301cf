"""Lines of an events file: events, records, and a last one that a crash may have torn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from services.errors import MisuseError

_RECORD = b'{"record":'


class Line(msgspec.Struct, frozen=True):
    """One line: ``number`` from 1, ``offset`` of its first byte, ``text`` without the newline.

    ``torn`` says that the newline is missing: it is the last one, and a crash may have cut it.
    """

    number: int
    offset: int
    text: bytes
    torn: bool

    @property
    def is_record(self) -> bool:
        """Whether it is a record; else it is an event."""
        return self.text.startswith(_RECORD)


def lines_of(path: Path) -> Iterator[Line]:
    """The lines of ``path`` in their order. Raises MisuseError where it cannot be read."""
    offset = 0
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                line = text.removesuffix(b"\n")
                yield Line(number, offset, line, torn=len(line) == len(text))
                offset += len(text)
    except OSError as error:
        raise MisuseError(f"{path}: cannot be read: {error.strerror}") from error


def first_record(path: Path) -> dict[str, Any]:
    """The record that an events file begins with. Raises MisuseError where it has none."""
    line = next(lines_of(path), None)
    if line is None or (line.torn and not line.is_record):
        raise MisuseError(f"{path}: holds nothing yet; expected the events of a run")
    try:
        record = msgspec.json.decode(line.text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise broken_line(path, 1, error) from error
    if record.get("record") not in ("run", "segment"):
        raise MisuseError(
            f'{path}, line 1: found no {{"record": "run"}}; expected the events file of a run'
        )
    return record


def broken_line(path: Path, number: int, error: Exception) -> MisuseError:
    """What to raise about a line that is whole and yet cannot be read."""
    return MisuseError(f"{path}, line {number}: {error}; expected one whole JSON object")
