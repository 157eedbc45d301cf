"""A target in this process that stalls, and shows what is added late or never, for one test.

From the environment: ``STALL`` has the seconds from the first request to the stall, and its length;
searches for new items do not stall. Of new items every second one is never shown, the others after
``SHOWN_AFTER`` seconds.
"""

from __future__ import annotations

import os
from time import perf_counter

import gevent

from mcstress import AliceUser, BobUser, CarolUser, Step, Target, install
from mcstress.metrics.event import Hit
from mcstress.process import loop_lag
from mcstress.services.target import SEARCH, Found
from mcstress.users import freshness_poll

__all__ = ["AliceUser", "BobUser", "CarolUser", "Late"]

BEGINS_S, LASTS_S = map(float, os.environ["STALL"].split())
SHOWN_AFTER_S = float(os.environ["SHOWN_AFTER"])

freshness_poll.VISIBLE_WITHIN_S = 2.0
loop_lag.MOST_LAG_MS = loop_lag.MOST_SHARE = float("inf")  # a busy machine is not what is tested


class Late(Target):
    """Its time begins with the first request."""

    title = "target that is late"
    can_exclude = False

    def __init__(self, setup):
        super().__init__(setup)
        self._fresh = setup.fresh_corpus
        self._begin_s = None
        self._added = []

    def search(self, search, _trace) -> Step[Found]:
        return self.timed(SEARCH, search, lambda: self._found(search))

    def add(self, item, _trace):
        yield self.timed("index.add", item, lambda: self._add(item))

    def _add(self, item):
        self._stall()
        self._added.append((perf_counter(), item.id))

    def _stall(self):
        now_s = perf_counter()
        self._begin_s = self._begin_s or now_s
        if BEGINS_S <= (since_s := now_s - self._begin_s) < BEGINS_S + LASTS_S:
            gevent.sleep(BEGINS_S + LASTS_S - since_s)

    def _found(self, search):
        hits = [Hit(str(n), search.corpora[0], 0.1 * n) for n in range(search.k)]
        if self._fresh in search.corpora:
            by_s = perf_counter() - SHOWN_AFTER_S
            seen = [id_ for at_s, id_ in self._added[::2] if at_s <= by_s]
            hits[:0] = [Hit(id_, self._fresh, 0.0) for id_ in reversed(seen)]
        else:
            self._stall()
        return Found(hits[: search.k])


install()
