"""Determinism: the same query gets the same people.

Each reissued query against its own baseline of that round. Higher is better. The estimate is the
mean Jaccard over all pairs; its interval Wilson's, from 5 trios on joined with the jackknife over
trios (STATISTICS.md, "Determinism"). A Jaccard does not see order: rank-biased overlap does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcstress.metrics import jaccard
from mcstress.metrics.event import Event
from mcstress.metrics.intervals import over_trios, wilson
from mcstress.metrics.metric import (
    COUNT,
    JACCARD,
    RATE,
    Metric,
    MetricName,
    PerQuestion,
    PlannedRound,
    Range,
    ResultContext,
    Section,
    Seen,
    Unit,
    question_means,
)
from mcstress.metrics.overlap_figure import sums_by_group
from mcstress.metrics.pairing import NANO
from mcstress.metrics.tally import Tally

RANGES = (
    Range(">=", 0.95, "healthy", "the same query gets the same people"),
    Range(">=", 0.80, "acceptable", "most people come back, some change"),
    Range(">=", 0.0, "unstable", "the same query gets other people"),
)


class Determinism(Metric):
    """Pairs by trio's unit, shared, union, identical and top-1 agreement (0 or 1).

    ``rbo_nano`` is the sum of the rank-biased overlaps in billionths, an integer so that adding in
    any order gives the same. ``changed``: shared, union of pairs whose corpora changed in between.
    ``attempted`` counts the reissues that were not cut off.
    """

    key = section = "determinism"
    hears = ("reissue",)

    def __init__(self) -> None:
        self.pairs: Tally[tuple[Unit, int, int, int, int]] = Tally()
        self.rbo_nano: Tally[tuple[()]] = Tally()
        self.changed: Tally[tuple[int, int]] = Tally()
        self.attempted: Tally[tuple[()]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        of = Section("determinism", cls.hears, "pairs").name
        yield of(
            "mean_jaccard",
            JACCARD,
            "reissues against their baselines; higher is better",
            "ci95",
            ranges=RANGES,
            label="Jaccard of reissue and baseline",
            better="higher",
        )
        yield of("pairs", COUNT, "reissues compared with their baseline")
        yield of("planned", COUNT, "reissues that were attempted or planned")
        yield of("trios", COUNT, "trios with lists of their own; those of one variant count once")
        yield of("identical", COUNT, "reissues with the same hits in the same order")
        identical = "identical reissues by pairs"
        yield of("identical_rate", RATE, identical, "identical_ci95", label="identical lists")
        yield of("top1", COUNT, "reissues with the same hit at top-1")
        top1 = "reissues with the same hit at top-1 by pairs"
        yield of("top1_rate", RATE, top1, "top1_ci95", label="same id at top-1")
        overlap = "mean share of a list that the other has too"
        yield of("mean_overlap_at_k", RATE, overlap, row="mean overlap@k")
        rbo = "mean rank-biased overlap, p = 0.9, extrapolated"
        row = "mean RBO (p = 0.9)"
        yield of("mean_rbo", "RBO, 0 to 1", rbo, label="rank-biased overlap", row=row)
        changed = "changed_corpora_pairs"
        yield of(changed, COUNT, "pairs whose corpora changed in between, counted apart")
        mean = "mean Jaccard of the pairs whose corpora changed"
        yield of("changed_corpora_mean_jaccard", JACCARD, mean, samples=changed)

    @classmethod
    def planned(cls, one_round: PlannedRound) -> Mapping[str, int]:
        """Every baseline is asked again."""
        return {"determinism": one_round.asked.get("reissue", 0)}

    def add(self, event: Event, seen: Seen) -> None:
        """Count a reissue against its baseline."""
        self.attempted[()] += 1
        before, hits = seen.before, seen.hits
        if before is None or hits is None:
            return
        pair = before.against(event, hits)
        shared, union, identical = pair.shared, pair.union, pair.identical
        if pair.changed:
            self.changed[shared, union] += 1
            seen.faults[("changed_corpora_pairs",)] += 1
            return
        rbo_nano = NANO if identical else pair.rbo_nano
        self.pairs[seen.unit_of(event), shared, union, int(identical), int(pair.top1)] += 1
        self.rbo_nano[()] += rbo_nano
        if seen.say is not None:
            seen.say(event, "determinism", pair.jaccard)
        seen.determinism[shared, union] += 1
        if not identical:
            seen.worst.add(event, (shared, union), rbo_nano, (pair.baseline, pair.reissue))

    def per_question(self) -> PerQuestion:
        """Jaccards by unit."""
        rows = ((u, jaccard.jaccard(s, all_), n) for (u, s, all_, *_), n in self.pairs.items())
        return {"determinism.mean_jaccard": question_means(rows)}

    def result(self, context: ResultContext) -> dict[str, Any]:
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
            "planned": max(context.planned.get("determinism", 0), self.attempted[()]),
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
