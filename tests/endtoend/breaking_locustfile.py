"""A target in this process that breaks at a known rate, and trials that are short, for one test.

From the environment: ``BREAKS_AT`` searches in the last second make a search slow. How this
machine's neighbours starve it is not what is tested: what a process says of itself is made known
to be good.
"""

from __future__ import annotations

import os
from collections import deque
from time import perf_counter

import gevent

from mcstress import AliceUser, BobUser, CarolUser, Step, Target, install
from mcstress.master import capacity_trials
from mcstress.metrics.event import Hit
from mcstress.process import loop_lag
from mcstress.services.target import SEARCH, Found

__all__ = ["AliceUser", "BobUser", "Breaking", "CarolUser"]

BREAKS_AT = int(os.environ["BREAKS_AT"])
FAST_S, SLOW_S = 0.002, 0.3

capacity_trials.SHORTEST_S = 3
loop_lag.MOST_LAG_MS = loop_lag.MOST_SHARE = float("inf")


class Breaking(Target):
    """Remembers when searches began."""

    title = "target that breaks"
    can_exclude = False

    def __init__(self, setup):
        super().__init__(setup)
        self._began = deque()

    def search(self, search, _trace) -> Step[Found]:
        return self.timed(SEARCH, search, lambda: self._found(search))

    def _found(self, search):
        now_s = perf_counter()
        while self._began and self._began[0] <= now_s - 1:
            self._began.popleft()
        gevent.sleep(SLOW_S if len(self._began) >= BREAKS_AT else FAST_S)
        self._began.append(now_s)
        return Found([Hit(str(n), search.corpora[0], 0.1 * n) for n in range(search.k)])


install()
