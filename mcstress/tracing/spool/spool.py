"""Where observations go that no server took: one JSON object a line, for its owner's eyes only."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LARGEST_BYTES = 1 << 30
SPARE_BYTES = 512 << 20
"""What is left free on the disk: the run's evidence goes there as well, and matters more."""

FULL = "spool full"
DISK_FULL = "spool: disk nearly full"
REMOVED = "spool removed"


class Spool:
    """Appends to one file, which is made with mode 0600 when the first line is written.

    ``head`` is the line that a file begins with; empty: none.

    It is locked while it is open, so that ``replay`` leaves a run's spool alone while it grows.
    """

    def __init__(
        self,
        path: Path,
        largest_bytes: int = LARGEST_BYTES,
        spare_bytes: int = SPARE_BYTES,
        *,
        head: bytes = b"",
    ) -> None:
        self.path = path
        self._largest_bytes = largest_bytes
        self._spare_bytes = spare_bytes
        self._head = head + b"\n" if head else b""
        self._descriptor: int | None = None

    def append(self, lines: Sequence[bytes]) -> tuple[int, str]:
        """How many of ``lines`` are stored, from the first on, and the reason for the others."""
        try:
            if self._descriptor is None:
                self._descriptor = _open(self.path, self._head)
            return self._append(self._descriptor, lines)
        except OSError as fault:
            return 0, f"spool: {fault.strerror}"

    def is_removed(self) -> bool:
        """Whether what was written is gone: no name leads to the open file any more.

        It is closed then, and the next line makes a new one.
        """
        if self._descriptor is None or os.fstat(self._descriptor).st_nlink:
            return False
        self.close()
        return True

    def close(self) -> None:
        """Close and unlock the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _append(self, descriptor: int, lines: Sequence[bytes]) -> tuple[int, str]:
        size = os.fstat(descriptor).st_size
        disk = os.fstatvfs(descriptor)
        free = disk.f_bavail * disk.f_frsize - self._spare_bytes
        room, reason = min((self._largest_bytes - size, FULL), (free, DISK_FULL))
        head = b"" if size else self._head
        fitting = _fitting(lines, room - len(head))
        if not fitting:
            return 0, reason
        try:
            _write(descriptor, head + b"".join(line + b"\n" for line in lines[:fitting]))
        except OSError:
            os.ftruncate(descriptor, size)  # half a line would spoil the one after it
            raise
        return fitting, reason


def _open(path: Path, head: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        size = os.fstat(descriptor).st_size
        if size < len(head) and head.startswith(os.pread(descriptor, size, 0)):
            os.ftruncate(descriptor, 0)  # half a head, without which nobody knows whose it is
        elif size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.write(descriptor, b"\n")  # a process that was killed left half a line
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _fitting(lines: Sequence[bytes], room: int) -> int:
    """How many of ``lines``, from the first on, go into ``room`` bytes."""
    for number, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            return number
    return len(lines)


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
