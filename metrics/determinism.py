"""Determinism: the same query gets the same people.

Each reissued query against its own baseline of that round. Higher is better. Every figure is the
mean over questions of each question's mean; intervals are Wilson's with n = questions, from 5 trios
on joined with the jackknife over trios (by_question.py). A Jaccard does not see order: rank-biased
overlap does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import UNSET

from mcstress.metrics import jaccard
from mcstress.metrics.by_question import NANO, ByQuestion
from mcstress.metrics.event import Event
from mcstress.metrics.metric import (
    COUNT,
    JACCARD,
    NO_QUESTION,
    RATE,
    FigureGroup,
    Metric,
    MetricName,
    PerQuestion,
    PlannedRound,
    Range,
    ResultContext,
    Seen,
)
from mcstress.metrics.pairing import Pair
from mcstress.metrics.rates import over_questions
from mcstress.metrics.tally import Tally

TABLE = "determinism"
"""The report's table of reissues."""

RANGES = (
    Range(">=", 0.95, "healthy", "the same query gets the same {items}"),
    Range(
        ">=",
        0.80,
        "acceptable",
        "most {items} come back, some change",
        "ties, or an approximate search, change some places of a list",
    ),
    Range(
        ">=",
        0.0,
        "unstable",
        "the same query gets other {items}",
        "replicas that differ, an index that changes, or a search that begins at random",
    ),
)


JACCARDS, IDENTICALS, TOP1S, OVERLAPS, RBOS = range(5)
"""The figures of a question: identical and top-1 are 0 or 1, RBOs in billionths."""

PARTS = 720_720_000_000
"""The scale of Jaccards and overlaps: whole for fractions of any denominator up to 16 (K = 8)."""

_ALIKE = PARTS, 1, 1, PARTS, NANO
"""The figures of a pair that is identical."""


class Determinism(Metric):
    """``asked``: by question, what its pairs of baseline and reissue have in common.

    ``counted``: "identical" pairs, and those of the same "top1". ``changed``: shared, union of the
    pairs whose corpora changed in between. ``attempted``: reissues that were not cut off.
    ``adjusted``: the pairs without what the run added in between. ``aged``: by the clock, pairs by
    hours since the baseline was due, shared, union.
    """

    key = section = "determinism"
    hears = ("reissue",)

    def __init__(self) -> None:
        self.asked = ByQuestion(5)
        self.counted: Tally[tuple[str]] = Tally()
        self.changed: Tally[tuple[int, int]] = Tally()
        self.attempted: Tally[tuple[()]] = Tally()
        self.adjusted: Tally[tuple[()]] = Tally()
        self.aged: Tally[tuple[int, int, int]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        of = FigureGroup("determinism", cls.hears, "pairs", questions="questions").name
        yield of(
            "mean_jaccard",
            JACCARD,
            "reissues against their baselines; higher is better",
            "ci95",
            ranges=RANGES,
            label="Jaccard of reissue and baseline",
            table=TABLE,
            row="mean Jaccard",
            by_load="Determinism",
            counts=("pairs", "planned"),
            better="higher",
        )
        yield of("pairs", COUNT, "reissues compared with their baseline")
        yield of("questions", COUNT, "different queries among them")
        yield of("planned", COUNT, "reissues that were attempted or planned")
        yield of("trios", COUNT, "trios with lists of their own; those of one variant count once")
        yield of("identical", COUNT, "identical reissues")
        identical = "reissues with the same hits in the same order"
        yield of("identical_rate", RATE, identical, "identical_ci95", label="identical lists",
                 table=TABLE, row="identical lists", counts=("identical", "pairs"))  # fmt: skip
        yield of("top1", COUNT, "reissues that agree at top-1")
        top1 = "reissues with the same hit at top-1"
        yield of("top1_rate", RATE, top1, "top1_ci95", label="same id at top-1",
                 table=TABLE, row="same top-1", counts=("top1", "pairs"))  # fmt: skip
        overlap = "mean share of a list that the other has too"
        yield of("mean_overlap_at_k", RATE, overlap, table=TABLE, row="mean overlap@k")
        rbo = "mean rank-biased overlap, p = 0.9, extrapolated"
        yield of("mean_rbo", "RBO, 0 to 1", rbo, label="rank-biased overlap",
                 table=TABLE, row="mean RBO (p = 0.9)")  # fmt: skip
        adjusted = "pairs whose later list was judged without what this run added in between"
        yield of("adjusted_pairs", COUNT, adjusted)
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
        pair = seen.pair
        if pair is None:
            return
        shared, union = pair.shared, pair.union
        if pair.changed:
            self.changed[shared, union] += 1
            seen.faults[("changed_corpora_pairs",)] += 1
            return
        if pair.adjusted:
            self.adjusted[()] += 1
        if event.scheduled is not UNSET and (age := event.scheduled.since_baseline_h) is not None:
            self.aged[round(age), shared, union] += 1
        if pair.identical:
            self.asked.add(seen.unit, seen.question, *_ALIKE)
            seen.alike.append(shared)
        else:
            self._add_unlike(event, seen, pair)
            seen.determinism[shared, union] += 1
        if seen.say is not None:
            seen.say(event, "determinism", pair.jaccard)

    def heard(self, phase: str, number: int) -> None:
        """Count what was attempted."""
        del phase
        self.attempted[()] += number

    def add_alike(self, number: int) -> None:
        """Count so many identical pairs, which ``add`` noted in ``seen.alike``."""
        self.counted[("identical",)] += number
        self.counted[("top1",)] += number

    def _add_unlike(self, event: Event, seen: Seen, pair: Pair) -> None:
        """Count lists that are not the same in the same order."""
        shared, union, rbo_nano = pair.shared, pair.union, pair.rbo_nano
        alike, overlap = round(PARTS * shared / union), round(2 * PARTS * shared / (shared + union))
        top1 = int(pair.top1)
        self.asked.add(seen.unit, seen.question, alike, 0, top1, overlap, rbo_nano)
        if top1:
            self.counted[("top1",)] += 1
        seen.worst.add(event, (shared, union), rbo_nano, (pair.baseline, pair.reissue))

    def per_question(self) -> PerQuestion:
        """Jaccards by question."""
        return {"determinism.mean_jaccard": self.asked.sums(JACCARDS, PARTS)}

    def restore(self, state: Any) -> None:
        """Add what ``state()`` gave; older versions had pairs without their question."""
        older = {name: state[name] for name in ("pairs", "rbo_nano") if name in state}
        for unit, shared, union, identical, top1, n in older.get("pairs", ()):
            values = round(PARTS * jaccard.jaccard(shared, union)), identical, top1
            overlap = round(PARTS * jaccard.jaccard(2 * shared, shared + union))
            for _ in range(n):
                self.asked.add(unit, NO_QUESTION, *values, overlap, 0)
            self.counted[("identical",)] += n * identical
            self.counted[("top1",)] += n * top1
        super().restore({name: part for name, part in state.items() if name not in older})

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The figure's section; identical means the same ids in the same order."""
        asked = self.asked
        rate = asked.rate()
        by_age = {"by_age": self._by_age()} if self.aged else {}
        overlap, rbo = asked.rate(OVERLAPS, PARTS), asked.rate(RBOS, NANO)
        return {
            **over_questions(asked, JACCARDS, "mean_jaccard", "ci95", PARTS),
            **over_questions(asked, IDENTICALS, "identical_rate", "identical_ci95"),
            **over_questions(asked, TOP1S, "top1_rate", "top1_ci95"),
            "mean_overlap_at_k": overlap and overlap.value,
            "mean_rbo": rbo and rbo.value,
            "pairs": asked.samples,
            "questions": len(asked),
            "planned": max(context.planned.get("determinism", 0), self.attempted[()]),
            "trios": rate.units if rate else 0,
            "identical": self.counted[("identical",)],
            "top1": self.counted[("top1",)],
            "adjusted_pairs": self.adjusted[()],
            "changed_corpora_pairs": sum(self.changed.values()),
            "changed_corpora_mean_jaccard": jaccard.mean(self.changed),
            **by_age,
        }

    def _by_age(self) -> list[dict[str, Any]]:
        """The pairs by hours of the scenario since their baseline, rounded; ascending."""
        pairs: dict[int, Tally[tuple[int, int]]] = {}
        for (hours, shared, union), number in self.aged.items():
            pairs.setdefault(hours, Tally())[shared, union] += number
        return [
            {"hours": hours, "pairs": its.total(), "mean_jaccard": jaccard.mean(its)}
            for hours, its in sorted(pairs.items())
        ]
