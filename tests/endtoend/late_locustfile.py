"""A target in this process that stalls, and shows what is added late or never, for one test.

From the environment: ``STALL`` has the seconds from the first search to the stall, and its length;
searches for new items do not stall. Of these every second one is never shown, the others after
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
    """Its time begins with the first search."""

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
        yield self.timed("index.add", item, lambda: self._added.append((perf_counter(), item.id)))

    def _found(self, search):
        now_s = perf_counter()
        self._begin_s = self._begin_s or now_s
        hits = [Hit(str(n), search.corpora[0], 0.1 * n) for n in range(search.k)]
        if self._fresh in search.corpora:
            seen = [id_ for at_s, id_ in self._added[::2] if now_s - at_s >= SHOWN_AFTER_S]
            hits[:0] = [Hit(id_, self._fresh, 0.0) for id_ in reversed(seen)]
        elif BEGINS_S <= (since_s := now_s - self._begin_s) < BEGINS_S + LASTS_S:
            gevent.sleep(BEGINS_S + LASTS_S - since_s)
        return Found(hits[: search.k])


install()
