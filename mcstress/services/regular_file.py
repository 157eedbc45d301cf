"""Files that somebody names are opened only where they are files.

To open a pipe that nobody writes to takes for ever, what a device holds may have no end, and what a
pipe gave is gone at the second look.
"""

from __future__ import annotations

import errno
import stat
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

FOUND = "found a pipe, socket or device, expected a file"


def why_no_file(mode: int) -> str | None:
    """What a ``st_mode`` is where it is neither a file nor a folder; opening a folder says so."""
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else FOUND


def open_file(path: Path) -> BinaryIO:
    """The file at ``path``, to be read. Raises OSError, whose ``strerror`` says what else it is."""
    if fault := why_no_file(path.stat().st_mode):
        raise OSError(errno.EINVAL, fault, str(path))
    return path.open("rb")


def read_text(path: Path) -> str:
    """The UTF-8 text in the file at ``path``, with or without a byte order mark.

    Raises what ``open_file`` does, and UnicodeDecodeError.
    """
    with TextIOWrapper(open_file(path), encoding="utf-8-sig") as file:
        return file.read()
