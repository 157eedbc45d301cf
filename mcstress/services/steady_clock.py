"""Unix time that nobody can set: the wall clock is read once, the monotonic clock tells the rest.

A wall clock that is set during a run (by NTP, by an administrator, after the machine slept) would
stretch or turn round every duration and timeline. Two processes whose anchors were taken before and
after such a step disagree by it; ``step_s`` tells each of them.
"""

from __future__ import annotations

import time


class SteadyClock:
    """``anchor_s`` plus ``time.perf_counter()`` is the Unix time in seconds."""

    def __init__(self) -> None:
        self.anchor_s = 0.0
        self.shifted_s = 0.0
        self.anchor()

    def anchor(self) -> None:
        """Read the wall clock. Done where a run begins, before its first event."""
        self.anchor_s = time.time() - time.perf_counter()
        self.shifted_s = 0.0

    def shift(self, seconds: float) -> None:
        """Tell another clock's time from now on, which is ahead of this one by ``seconds``."""
        self.anchor_s += seconds
        self.shifted_s += seconds

    def now_s(self) -> float:
        """The Unix time in seconds, as if the wall clock had not been set since ``anchor``."""
        return self.anchor_s + time.perf_counter()

    def step_s(self) -> float:
        """By how many seconds the wall clock was moved since ``anchor``."""
        return time.time() - (self.now_s() - self.shifted_s)


CLOCK = SteadyClock()
"""This process's."""
