"""A target in this process that answers in 2 ms, but for one stall, after which all answers come.

``STALL``: seconds from the first search to the stall, its length, and when searches end.
"""

from __future__ import annotations

import os
from time import perf_counter

import gevent

from mcstress import AliceUser, BobUser, CarolUser, Step, Target, install
from mcstress.metrics.event import Hit
from mcstress.services.target import SEARCH, Found, Search, TargetSetup
from mcstress.services.trace_context import TraceContext

__all__ = ["AliceUser", "BobUser", "CarolUser", "Stalling"]

BEGINS_S, LASTS_S, _ = map(float, os.environ["STALL"].split())
SERVICE_S = 0.002


class Stalling(Target):
    """Its time begins with the first search."""

    title = "target that stalls"
    can_exclude = False

    def __init__(self, setup: TargetSetup) -> None:
        super().__init__(setup)
        self._begin_s: float | None = None

    def search(self, search: Search, trace: TraceContext) -> Step[Found]:
        """Step ``matrix.search``."""
        del trace
        return self.timed(SEARCH, search, lambda: self._found(search))

    def _found(self, search: Search) -> Found:
        now_s = perf_counter()
        if self._begin_s is None:
            self._begin_s = now_s
        since_s = now_s - self._begin_s
        if BEGINS_S <= since_s < BEGINS_S + LASTS_S:
            gevent.sleep(BEGINS_S + LASTS_S - since_s)
        gevent.sleep(SERVICE_S)
        return Found([Hit(str(n), search.corpora[0], 0.1 * n) for n in range(search.k)])


install()
