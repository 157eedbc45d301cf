"""Waiting for a condition, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent


def until(holds: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Let others run until ``holds()``; fail where it does not within ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "the condition never held"
        gevent.sleep(0.002)
