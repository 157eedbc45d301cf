"""What can happen to a file at rest: lines and bytes changed, lost, doubled, moved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

Edit = Callable[[bytes, int], bytes]
"""The new bytes, from the old and a large number that says where."""


def cut(text: bytes, place: int) -> bytes:
    """The file ends in its middle, as after a loss of power."""
    return text[: place % len(text)]


def flip(text: bytes, place: int) -> bytes:
    """One bit is another."""
    at = place // 8 % len(text)
    return text[:at] + bytes([text[at] ^ 1 << place % 8]) + text[at + 1 :]


def zeros(text: bytes, place: int) -> bytes:
    """A block of the disk was never written."""
    at = place % len(text)
    return text[:at] + bytes(min(64, len(text) - at)) + text[at + 64 :]


def _of_lines(change: Callable[[list[bytes], int], None]) -> Edit:
    def edit(text: bytes, place: int) -> bytes:
        lines = text.split(b"\n")
        change(lines, place)
        return b"\n".join(lines)

    edit.__name__ = change.__name__
    return edit


@_of_lines
def without_a_line(lines: list[bytes], place: int) -> None:
    """A line is gone."""
    del lines[place % len(lines)]


@_of_lines
def a_line_twice(lines: list[bytes], place: int) -> None:
    """A line stands there again, at once or later."""
    at = place % len(lines)
    lines.insert(at + place // len(lines) % (len(lines) - at + 1), lines[at])


@_of_lines
def a_line_elsewhere(lines: list[bytes], place: int) -> None:
    """A line moved to the end, or nearly."""
    lines.insert(-1, lines.pop(place % len(lines)))


@_of_lines
def half_a_line(lines: list[bytes], place: int) -> None:
    """A line lost its end, its newline too."""
    at = place % len(lines)
    after = lines.pop(at + 1) if at + 1 < len(lines) else b""
    lines[at] = lines[at][: len(lines[at]) // 2] + after


@_of_lines
def a_foreign_line(lines: list[bytes], place: int) -> None:
    """Somebody wrote into it."""
    foreign = (b'{"is": "nothing"}', b"# a note", b"\xff\xfe", b"[" * 2000, b"")
    lines.insert(place % len(lines), foreign[place // len(lines) % len(foreign)])


EDITS: tuple[Edit, ...] = (
    *(cut, flip, flip, flip, zeros),
    *(without_a_line, a_line_twice, a_line_elsewhere, half_a_line, a_foreign_line),
)
edits = st.tuples(st.sampled_from(EDITS), st.integers(0, 2**40))


def do(edit: tuple[Edit, int], path: Path) -> bool:
    """Do ``edit`` to the file at ``path``; whether it changed anything."""
    change, place = edit
    before = path.read_bytes()
    if not before:
        return False
    after = change(before, place)
    path.write_bytes(after)
    return after != before
