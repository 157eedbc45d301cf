"""Rank correlation: whether the people who come back come in the same order.

Kendall's tau (1938) of a reissue against its baseline: 1 less twice the share of pairs of hits that
stand the other way round, from -1 (reversed) to 1; higher is better. It is of the hits that both
lists hold; one that only one list has is left out, since it has no place in the other (what left
and came is what the Jaccard sees). A pair of lists that shares fewer than two hits has no order to
compare and is not counted. Pairs whose corpora changed in between are left out, as in determinism.
The estimate is the mean over pairs of lists; no interval is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb, fsum
from typing import Any

from mcstress.metrics.determinism import TABLE
from mcstress.metrics.event import Event
from mcstress.metrics.metric import COUNT, FigureGroup, Metric, MetricName, ResultContext, Seen
from mcstress.metrics.tally import Tally

FEWEST = 2


def discordant(baseline: Sequence[str], reissue: Sequence[str]) -> tuple[int, int]:
    """How many hits both rankings hold, and how many pairs of them stand the other way round."""
    ranks = {hit: rank for rank, hit in enumerate(baseline)}
    places = [ranks[hit] for hit in reissue if hit in ranks]
    return len(places), sum(first > second for first, second in combinations(places, 2))


def kendall_tau(shared: int, turned: int) -> float:
    """Tau of ``shared`` hits, at least two, of whose pairs ``turned`` stand the other way round."""
    return 1 - 2 * turned / comb(shared, 2)


class RankCorrelation(Metric):
    """``orders``: pairs of lists by the hits they share and the pairs of those that turned."""

    key, section = "rank_correlation", "determinism"
    hears = ("reissue",)

    def __init__(self) -> None:
        self.orders: Tally[tuple[int, int]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """Two figures of determinism."""
        of = FigureGroup("determinism", cls.hears, "kendall_pairs").name
        meaning = "mean Kendall's tau of the hits that both lists have; higher is better"
        row = "mean Kendall's tau"
        yield of("kendall_tau", "tau, -1 to 1", meaning, label="Kendall's tau",
                 table=TABLE, row=row)  # fmt: skip
        yield of("kendall_pairs", COUNT, "reissues that share two hits or more with their baseline")

    def add(self, event: Event, seen: Seen) -> None:
        """Count a reissue against its baseline."""
        del event
        pair = seen.pair
        if pair is None or pair.identical or pair.changed or pair.shared < FEWEST:
            return
        self.orders[pair.shared, discordant(pair.baseline, pair.reissue)[1]] += 1

    def add_alike(self, shared: int, number: int) -> None:
        """Count so many pairs of identical lists of ``shared`` hits (``seen.alike``)."""
        if shared >= FEWEST:
            self.orders[shared, 0] += number

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The figures, beside determinism's."""
        del context
        pairs = self.orders.total()
        total = fsum(kendall_tau(*order) * n for order, n in self.orders.items())
        return {"kendall_tau": total / pairs if pairs else None, "kendall_pairs": pairs}
