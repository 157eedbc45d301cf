"""Files that are whole or not there: written beside their place, synced, and renamed into it."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_BUFFER_BYTES = 1 << 20
_being_written: set[Path] = set()


@contextmanager
def atomic_file(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """A binary file that takes the place of ``path`` when the block ends without an exception.

    ``private``: only its owner may read it.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    _being_written.add(beside)
    try:
        with open(beside, "wb", _BUFFER_BYTES, opener=owners_alone if private else None) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
        _being_written.discard(beside)
    _sync_folder(path.parent)


@atexit.register
def _remove_unfinished() -> None:
    """A thread that writes a report ends with its process, wherever it is."""
    for beside in _being_written.copy():
        beside.unlink(missing_ok=True)


def owners_alone(path: str, flags: int) -> int:
    """What ``open`` takes as its ``opener``: mode 0600, for a file that was there before too."""
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def write_text(path: Path, text: str) -> None:
    """Put ``text`` into ``path`` atomically, as UTF-8."""
    with atomic_file(path) as file:
        # A lone surrogate in a service's text must not cost the report: it becomes "?".
        file.write(text.encode("utf-8", "replace"))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
