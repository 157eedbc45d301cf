"""What the tests of killed and frozen processes share: the service's own count, at each moment."""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_right
from contextlib import suppress
from itertools import pairwise
from urllib.error import URLError

import psutil
from endtoend.accounts import calls
from standin.process import Standin

TRIALS = int(os.environ.get("CHAOS_N", "50"))
"""Kills of each kind."""
EVERY_S = 0.05
STILL_S = 1.0
LOOKED_S = 5.0


class Counted:
    """A stand-in whose number of steps is noted twenty times a second. Use as a context."""

    def __init__(self, **settings) -> None:
        self._standin = Standin(**settings)
        self._over = threading.Event()
        self._times: list[float] = []
        self._calls: list[int] = []

    def __enter__(self):
        self._standin.__enter__()
        self.url = self._standin.url
        self._noting = threading.Thread(target=self._note, daemon=True)
        self._noting.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._noting.join()
        self._standin.__exit__()

    @property
    def services(self) -> tuple[str, ...]:
        """The options that name it."""
        return ("--host", self.url, "--llm-host", self.url)

    @property
    def calls(self) -> int:
        """Steps that it has had."""
        return calls(self._standin)

    def before(self, moment: float) -> int:
        """Steps that it had had at a ``moment`` of the monotonic clock."""
        place = bisect_right(self._times, moment)
        return self._calls[place - 1] if place else 0

    def late_s(self, moment: float) -> float:
        """How late this machine gave a turn, at worst, in the seconds before a ``moment``."""
        first = bisect_right(self._times, moment - LOOKED_S)
        times = [*self._times[first : bisect_right(self._times, moment)], moment]
        gaps = (after - before for before, after in pairwise(times))
        return max(0.0, max(gaps, default=0.0) - EVERY_S)

    def is_still(self) -> bool:
        """Whether nobody has made load for a second, as far as it was looked."""
        now = time.monotonic()
        looked = self._times and self._times[0] <= now - STILL_S and now - self._times[-1] < STILL_S
        return bool(looked) and self.before(now - STILL_S) == self.calls

    def _note(self) -> None:
        while not self._over.wait(EVERY_S):
            with suppress(URLError, OSError):
                self._calls.append(self.calls)
                self._times.append(time.monotonic())


def session_of(pid: int) -> list[int]:
    """Processes that still run in the session which a Locust process leads."""
    found = []
    for process in psutil.pids():
        with suppress(OSError, psutil.Error):
            if os.getsid(process) == pid and psutil.Process(process).status() != "zombie":
                found.append(process)
    return found


def stack_of(pid: int) -> psutil.Process:
    """The embedded stack of a run."""
    for child in psutil.Process(pid).children(recursive=True):
        if "mcstress.services.embedded" in " ".join(child.cmdline()):
            return child
    raise AssertionError(f"no embedded stack below {pid}")
