"""What a terminal's encoding cannot show is written as "?", and ends no command and no run."""

from __future__ import annotations

import io
import sys


def tolerate_encoding() -> None:
    """Let standard output and standard error replace what their encoding does not have."""
    for stream in (sys.stdout, sys.stderr):
        # What is no such file, somebody put in its place, and knows what it can take.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
