"""Determinism: the same query gets the same people.

Each reissued query against its own baseline of that round. Higher is better. The estimate is the
mean Jaccard over all pairs; its interval Wilson's, from 5 trios on joined with the jackknife over
trios (STATISTICS.md, "Determinism"). A Jaccard does not see order: rank-biased overlap does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcstress.metrics import jaccard
from mcstress.metrics.intervals import over_trios, wilson
from mcstress.metrics.overlap_figure import sums_by_group
from mcstress.metrics.rank_overlap import rank_biased_overlap
from mcstress.metrics.tally import Accumulator, Tally

NANO = 1_000_000_000


class Pair:
    """A reissue against its baseline: all that can be said of two lists of distinct hits."""

    __slots__ = ("identical", "rbo_nano", "shared", "top1", "union")

    def __init__(self, baseline: Sequence[str], reissue: Sequence[str]) -> None:
        self.identical = tuple(baseline) == tuple(reissue)
        if self.identical:
            self.shared = self.union = len(baseline)
            self.top1, self.rbo_nano = True, NANO
            return
        self.shared, self.union = jaccard.overlap(frozenset(baseline), reissue)
        self.top1 = bool(baseline) and bool(reissue) and baseline[0] == reissue[0]
        self.rbo_nano = round(rank_biased_overlap(baseline, reissue) * NANO)

    @property
    def jaccard(self) -> float:
        """The Jaccard of the two lists."""
        return jaccard.jaccard(self.shared, self.union)


class Determinism(Accumulator):
    """Pairs by trio's unit, shared, union, identical and top-1 agreement (0 or 1).

    ``rbo_nano`` is the sum of the rank-biased overlaps in billionths, an integer so that adding in
    any order gives the same. ``changed``: shared, union of pairs whose corpora changed in between.
    ``attempted`` counts the reissues that were not cut off.
    """

    def __init__(self) -> None:
        self.pairs: Tally[tuple[int, int, int, int, int]] = Tally()
        self.rbo_nano: Tally[tuple[()]] = Tally()
        self.changed: Tally[tuple[int, int]] = Tally()
        self.attempted: Tally[tuple[()]] = Tally()

    def add(self, unit: int, pair: Pair) -> None:
        """Count a pair."""
        key = (unit, pair.shared, pair.union, int(pair.identical), int(pair.top1))
        self.pairs[key] += 1
        self.rbo_nano[()] += pair.rbo_nano

    def result(self, planned: int = 0) -> dict[str, Any]:
        """The figure's section; identical means the same ids in the same order."""
        trios = sums_by_group((unit, s, u, n) for (unit, s, u, *_), n in self.pairs.items())
        rows = [(*key, n) for key, n in self.pairs.items()]
        mean_jaccard, pairs = jaccard.total((s, u, n) for _, s, u, _, _, n in rows)
        identical = sum(row[5] for row in rows if row[3])
        top1 = sum(row[5] for row in rows if row[4])
        shared, _ = jaccard.total((2 * s, s + u, n) for _, s, u, _, _, n in rows)
        changed = sum(self.changed.values())
        counts = {
            "pairs": pairs,
            "planned": max(planned, self.attempted[()]),
            "trios": len(trios),
            "identical": identical,
            "top1": top1,
            "changed_corpora_pairs": changed,
            "changed_corpora_mean_jaccard": jaccard.mean(self.changed),
        }
        if not pairs:
            return dict.fromkeys(_RATES) | counts
        mean = mean_jaccard / pairs
        ci95, label = over_trios(wilson(min(mean, 1.0), pairs), list(trios.values()))
        return {
            "mean_jaccard": mean,
            "ci95": list(ci95),
            "ci95_label": label,
            "identical_rate": identical / pairs,
            "identical_ci95": list(wilson(identical / pairs, pairs)),
            "top1_rate": top1 / pairs,
            "top1_ci95": list(wilson(top1 / pairs, pairs)),
            "mean_overlap_at_k": shared / pairs,
            "mean_rbo": self.rbo_nano[()] / (NANO * pairs),
            **counts,
        }


_RATES = (
    "mean_jaccard",
    "ci95",
    "ci95_label",
    "identical_rate",
    "identical_ci95",
    "top1_rate",
    "top1_ci95",
    "mean_overlap_at_k",
    "mean_rbo",
)
