"""Swap: a client rejects a list. Does any rejected id return? Lower is better, and 0 is right."""

from __future__ import annotations

from typing import Any

from mcstress.metrics import jaccard
from mcstress.metrics.event import Event
from mcstress.metrics.identity import identities, identity
from mcstress.metrics.intervals import wilson
from mcstress.metrics.tally import Accumulator, Tally


class Swap(Accumulator):
    """``pairs``: shared, union of the rejected list and the one after it.

    ``after``: "swaps" counts the lists after a rejection, "returned" the rejected hits in them.
    ``attempted``: "first" and "second" queries that were not cut off; only a second is skipped.
    """

    def __init__(self) -> None:
        self.pairs: Tally[tuple[int, int]] = Tally()
        self.after: Tally[tuple[str]] = Tally()
        self.attempted: Tally[tuple[str]] = Tally()

    def result(self, planned: int = 0) -> dict[str, Any]:
        """The figure's section. ``returned`` is None where no list came after a rejection.

        A swap was attempted when its second query was: where the end of the run comes between the
        two, the swap was cut, and nothing is missing.
        """
        swaps, pairs = self.after[("swaps",)], self.pairs.total()
        mean = jaccard.mean(self.pairs)
        return {
            "swaps": swaps,
            "planned": max(planned, self.attempted[("second",)]),
            "returned": self.after[("returned",)] if swaps else None,
            "pairs": pairs,
            "mean_jaccard": mean,
            "ci95": None if mean is None else list(wilson(min(mean, 1.0), pairs)),
        }


def returned(event: Event) -> int:
    """How many of the hits that were rejected the event's list has.

    Ids alone go over the wire, and leave out what has them in any corpus; but who returns is a hit,
    and the namesake from another corpus was not rejected. Events of older versions have ids only.
    """
    hits = event.top_k or ()
    if event.rejected is None:
        return len({hit.id for hit in hits}.intersection(event.exclude_ids or ()))
    rejected = {identity(item.corpus, item.id) for item in event.rejected}
    return len(rejected.intersection(identities(hits)))
