"""Lines of an events file: events, records, and a last one that a crash may have torn.

A file is read in pieces: a line without an end (zeros of a broken disk) is never held whole. The
lines of a piece come together: one by one, a line of 1.6 KB costs three times as much.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from mcstress.errors import UsageError

RECORD = b'{"record":'
BEGINNINGS = ("run", "segment")
"""The records that a file may begin with: a run's main one, a worker's."""
PIECE_BYTES = 1 << 20
LINE_BYTES = 128 << 20
"""The longest line that is read: an event with all its bodies stays far below."""

DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError)
"""All that is raised for a text that is not the JSON that was expected."""


class Line(msgspec.Struct, frozen=True):
    """One line: ``number`` from 1, ``offset`` of its first byte, ``text`` without the newline.

    ``torn`` says that the newline is missing: it is the last one, and a crash may have cut it.
    ``fault`` says why the line cannot be JSON; ``text`` is then only how it begins.
    """

    number: int
    offset: int
    text: bytes
    torn: bool
    fault: str = ""

    @property
    def is_record(self) -> bool:
        """Whether it is a record; else it is an event."""
        return self.text.startswith(RECORD)


class Batch(msgspec.Struct, frozen=True):
    """Whole lines that follow one another: ``number`` of the first, the ``offsets`` of each."""

    number: int
    offsets: NDArray[np.int64]
    texts: list[bytes]

    def lines(self) -> Iterator[Line]:
        """Each by itself."""
        for at, (offset, text) in enumerate(zip(self.offsets.tolist(), self.texts, strict=True)):
            yield Line(self.number + at, offset, text, torn=False)


def lines_of(path: Path) -> Iterator[Line | Batch]:
    """The lines of ``path`` in their order. Raises UsageError where it cannot be read."""
    try:
        with path.open("rb") as file:
            yield from lines_in(file)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def first_line(path: Path) -> Line | None:
    """The line that the file at ``path`` begins with. Raises UsageError where it cannot be read."""
    first = next(lines_of(path), None)
    return next(first.lines()) if isinstance(first, Batch) else first


def lines_in(file: BinaryIO) -> Iterator[Line | Batch]:
    """The lines from where ``file`` stands, numbered from 1.

    One that is torn or longer than a piece comes by itself.
    """
    number, offset, text = 1, file.tell(), b""
    while text := text + file.read(PIECE_BYTES - len(text)):
        if end := text.rfind(b"\n") + 1:
            batch = _batch(number, offset, text[:end])
            yield batch
            number, offset, text = number + len(batch.texts), offset + end, text[end:]
            continue
        whole = len(text) < PIECE_BYTES
        yield (
            Line(number, offset, text, torn=True)
            if whole
            else _long_line(file, text, number, offset)
        )
        number, offset, text = number + 1, file.tell(), b""


def _batch(number: int, offset: int, text: bytes) -> Batch:
    """The lines of ``text``, which ends with the last of them."""
    starts: list[int] = []
    texts: list[bytes] = []
    at = 0
    # ``find`` looks at many bytes at once, ``split`` at one after the other.
    while (end := text.find(b"\n", at)) >= 0:
        starts.append(at)
        texts.append(text[at:end])
        at = end + 1
    return Batch(number, np.array(starts, np.int64) + offset, texts)


def _long_line(file: BinaryIO, begin: bytes, number: int, offset: int) -> Line:
    """A line of more than a piece; held only where it may be JSON."""
    text, fault = bytearray(begin), "" if begin.startswith(b"{") else "found no JSON object"
    piece = begin
    while not piece.endswith(b"\n") and (piece := file.readline(PIECE_BYTES)):
        if not fault and len(text) + len(piece) > LINE_BYTES:
            fault = f"longer than {LINE_BYTES:,} bytes"
            del text[PIECE_BYTES:]
        if not fault:
            text += piece
    torn = not piece.endswith(b"\n")
    return Line(number, offset, bytes(text).removesuffix(b"\n"), torn, fault)


def first_record(path: Path) -> dict[str, Any]:
    """The record that an events file begins with. Raises UsageError where it has none."""
    line = _begin(path)
    if line is None or (line.torn and not line.is_record):
        raise UsageError(f"{path}: holds nothing yet; expected the events of a run")
    try:
        record = msgspec.json.decode(line.text, type=dict[str, Any])
    except DECODE_ERRORS as error:
        raise broken_line(path, 1, error) from error
    if record.get("record") not in BEGINNINGS:
        raise UsageError(
            f'{path}, line 1: found no {{"record": "run"}}; expected the events file of a run'
        )
    return record


def _begin(path: Path) -> Line | None:
    """The first line of ``path``; where it is no JSON, no more than a piece is read."""
    try:
        with path.open("rb") as file:
            begin = file.read(PIECE_BYTES)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if begin and not begin.startswith(b"{"):
        raise broken_line(path, 1, "found no JSON object")
    return first_line(path)


def broken_line(path: Path, number: int, error: Exception | str) -> UsageError:
    """What to raise about a line that is whole and yet cannot be read."""
    return UsageError(f"{path}, line {number}: {error}; expected one whole JSON object")
