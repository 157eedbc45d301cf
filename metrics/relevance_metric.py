"""The metrics of relevance: whether the baselines' hits are what was asked for.

Where no hit can be judged, nothing was measured: a check of it is skipped, never failed. That is so
where no hit has a field that the rules name, or where no hit of any list has a value that some
demand asks for, which is another vocabulary and not a bad search.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mcstress.metrics.by_question import NANO, QuestionRate
from mcstress.metrics.errors import Reasons
from mcstress.metrics.event import Event, Hit
from mcstress.metrics.identity import identities
from mcstress.metrics.metric import (
    COUNT,
    NOT_MEASURED,
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
from mcstress.metrics.relevance import ByRule, ByTruth
from mcstress.metrics.tally import Tally

BY_TRUTH = "relevance_by_truth"
"""The report's table of what a file of relevant ids says."""

WORST = 5
"""Questions that a report names, those that found least first."""
SHOWN = 5
"""Values of other hits that a report shows."""

OF_PRECISION = (
    Range(">=", 0.5, "healthy", "what is found is what was asked for"),
    Range(">=", 0.0, "low", "what is found is not what was asked for"),
)
OF_GAIN = (
    Range(">=", 0.5, "healthy", "hits fit their demand in most of what it asks"),
    Range(">=", 0.0, "low", "hits fit their demand in little of what it asks"),
)
_RULES = ("precision_at_k", "top1_rate", "mean_gain_at_k")
_INTERVALS = ("ci95", "top1_ci95", "mean_gain_ci95")


class Relevance(Metric):
    """By rule. ``lists``: those whose hits have fields that a rule names, by question.

    ``attempted`` counts the baselines that were not cut off. ``without``: lists none of whose hits
    has such a field, ``other``: those none of whose hits has a value that a demand asks for,
    ``empty``: those without hits. ``values``: what was found in place of either.
    """

    key = section = "relevance"
    hears = ("baseline",)

    def __init__(self) -> None:
        self.by_rule = ByRule()
        self.attempted: Tally[tuple[()]] = Tally()
        self.lists: Tally[tuple[str]] = Tally()
        self.values = Reasons()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        of = FigureGroup("relevance", cls.hears, "lists", questions="questions").name
        yield of(
            "precision_at_k",
            RATE,
            "hits that fit their demand, by K; mean over questions; higher is better",
            "ci95",
            ranges=OF_PRECISION,
            label="hits that fit",
            table="relevance",
            row="hits that fit (precision@K)",
            better="higher",
        )
        yield of(
            "top1_rate",
            RATE,
            "lists whose first hit fits; mean over questions; higher is better",
            "top1_ci95",
            label="first hits that fit",
            table="relevance",
            row="first hits that fit",
            better="higher",
        )
        yield of(
            "mean_gain_at_k",
            RATE,
            "how well hits fit, early ones weighing most, by K hits that fit in all; "
            "higher is better",
            "mean_gain_ci95",
            ranges=OF_GAIN,
            label="mean gain",
            table="relevance",
            row="mean gain@K",
            better="higher",
        )
        yield of("lists", COUNT, "baseline lists whose hits were judged")
        yield of("questions", COUNT, "different questions among them")
        yield of("planned", COUNT, "baseline lists that were attempted or planned")
        yield of("without_fields", COUNT, "lists whose hits have no field that a rule names")
        yield of("other_words", COUNT, "lists whose hits have no value that a demand asks for")

    @classmethod
    def planned(cls, one_round: PlannedRound) -> Mapping[str, int]:
        """Every baseline list is judged."""
        return {"relevance": one_round.asked.get("baseline", 0)}

    def add(self, event: Event, seen: Seen) -> None:
        """Count a baseline's list, where it was judged."""
        hits, gains, other = seen.hits, event.gains, event.other_values
        if hits is None or (gains is None and other is None):
            return
        if gains is not None:
            if len(gains) != len(hits):
                gains = _of_distinct(event, gains)
            self.by_rule.add(seen.unit, seen.question, gains, event.k)
            if not gains:
                self.lists[("empty",)] += 1
        if other is not None:
            self.lists[("without" if gains is None else "other",)] += 1
            for value in other:
                self.values.add("", value)

    def heard(self, phase: str, number: int) -> None:
        """Count what was attempted."""
        del phase
        self.attempted[()] += number

    def per_question(self) -> PerQuestion:
        """The three rates, by question."""
        lists = self.by_rule.lists
        return {f"relevance.{name}": lists.sums(at, NANO) for at, name in enumerate(_RULES)}

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The section; ``ci95`` is that of ``precision_at_k``."""
        reason = self.not_measured()
        rates = dict.fromkeys(_RULES) if reason else self.by_rule.rates()
        lists, precision = self.by_rule.lists, rates["precision_at_k"]
        return {
            **{name: rate and rate.value for name, rate in rates.items()},
            **dict(zip(_INTERVALS, map(_ci95, rates.values()), strict=True)),
            "ci95_label": precision and precision.ci95_label,
            "lists": lists.samples,
            "questions": len(lists),
            "planned": max(context.planned.get("relevance", 0), self.attempted[()]),
            "without_fields": self.lists[("without",)],
            "other_words": self.lists[("other",)],
            NOT_MEASURED: reason,
            "found_values": self._found_values(),
            "worst": [] if reason else self._worst(),
        }

    def not_measured(self) -> str | None:
        """Why nothing could be judged; None where it could, or where nothing was to be judged."""
        judged, other = self.by_rule.lists.samples, self.lists[("other",)]
        shown = ", ".join(self._found_values())
        if not judged and self.lists[("without",)]:
            return f"no hit has a field that the rules name; found: {shown}"
        if other and judged == other + self.lists[("empty",)]:
            return f"no hit has a value that the demands ask for; found: {shown}"
        return None

    def _found_values(self) -> list[str]:
        commonest = sorted(self.values.items(), key=lambda item: (-item[1], item[0]))
        return [value for (_, value), _ in commonest[:SHOWN]]

    def _worst(self) -> list[dict[str, Any]]:
        """The questions with the least gain, the worst first."""
        rows = [
            (sums[2] / (n * NANO), sums[0] / (n * NANO), unit, question, n)
            for (unit, question), n, sums in self.by_rule.lists.rows()
        ]
        return [
            {
                "unit": unit,
                "question": question,
                "lists": n,
                "precision_at_k": precision,
                "mean_gain_at_k": gain,
            }
            for gain, precision, unit, question, n in sorted(rows)[:WORST]
        ]


def _ci95(rate: QuestionRate | None) -> list[float] | None:
    return None if rate is None else list(rate.ci95)


def _of_distinct(event: Event, gains: list[float]) -> list[float]:
    """The gains of a list that holds a hit twice, which counts once."""
    listed: list[Hit] = event.listed or []
    first: dict[str, float] = {}
    for who, gain in zip(identities(listed), gains, strict=False):
        first.setdefault(who, gain)
    return list(first.values())


_TRUTH = ("recall_at_k", "ndcg_at_k", "mrr")


class RelevanceByTruth(Metric):
    """By truth (``--truth``): lists of questions that have relevant ids.

    It shares the section of Relevance, and is measured without it too. ``relevant``: lists by
    question and number of its relevant ids; ``found``: relevant hits by question and identity, so
    that ids that no list ever had can be counted: no corpus may have them.
    """

    key = "relevance_by_truth"
    section = "relevance"
    hears = ("baseline",)
    about = "truth"

    def __init__(self) -> None:
        self.by_truth = ByTruth()
        self.relevant: Tally[tuple[str, int]] = Tally()
        self.found: Tally[tuple[str, str]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        of = FigureGroup("relevance", cls.hears, "graded_lists", None, "graded_questions").name
        recall = "relevant ids that the list has, by all there are; mean over questions"
        ndcg = "grades, early ones weighing most, by those of the best list; mean over questions"
        mrr = "one by the rank of the first relevant id; mean over questions"
        yield of("recall_at_k", RATE, f"{recall}; higher is better", "recall_ci95", better="higher",
                 label="recall@K by truth", table=BY_TRUTH, row="recall@K")  # fmt: skip
        yield of("ndcg_at_k", RATE, f"{ndcg}; higher is better", "ndcg_ci95", better="higher",
                 label="nDCG@K by truth", table=BY_TRUTH, row="nDCG@K")  # fmt: skip
        yield of("mrr", RATE, f"{mrr}; higher is better", "mrr_ci95", better="higher",
                 label="reciprocal rank by truth", table=BY_TRUTH,
                 row="reciprocal rank (MRR)")  # fmt: skip
        yield of("graded_lists", COUNT, "baseline lists of questions that the truth has ids for")
        yield of("graded_questions", COUNT, "different questions among them")
        yield of("relevant_ids", COUNT, "ids that are relevant to these questions by the truth")
        yield of("never_found", COUNT, "ids of them that no list of their question had")

    def add(self, event: Event, seen: Seen) -> None:
        """Count a baseline's list, where the truth knows its question."""
        truth = event.truth
        if seen.hits is None or truth is None:
            return
        question = seen.question
        self.by_truth.add_graded(seen.unit, question, truth, event.k)
        self.relevant[question, truth.relevant] += 1
        for who, grade in zip(identities(event.top_k or ()), truth.grades, strict=False):
            if grade > 0:
                self.found[question, who] += 1

    def per_question(self) -> PerQuestion:
        """The three means, by question."""
        lists = self.by_truth.lists
        return {f"relevance.{name}": lists.sums(at, NANO) for at, name in enumerate(_TRUTH)}

    def result(self, context: ResultContext) -> dict[str, Any]:
        """Its part of the section."""
        del context
        rates = self.by_truth.rates()
        told: dict[str, Any] = {name: rate and rate.value for name, rate in rates.items()}
        told |= {f"{name.removesuffix('_at_k')}_ci95": _ci95(rate) for name, rate in rates.items()}
        lists, relevant = self.by_truth.lists, sum(number for _, number in self.relevant)
        return told | {
            "graded_lists": lists.samples,
            "graded_questions": len(lists),
            "relevant_ids": relevant,
            "never_found": self._never_found(),
        }

    def _never_found(self) -> int:
        """An id of the truth without its corpus may have been found in two."""
        found = Counter(question for question, _ in self.found)
        return sum(max(number - found[question], 0) for question, number in self.relevant)
