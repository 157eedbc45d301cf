"""Relevance: is what was found what was asked for? By rule, over gains; by truth, over grades.

By rule: each hit of a list has a gain in [0, 1], the share of the weights of the scenario's
conditions that it fulfils, 0 where one that must hold fails. A hit fits where its gain is above 0.
``precision_at_k`` is fits by K, ``top1_rate`` whether the first fits, ``mean_gain_at_k`` the gains
discounted by 1/log2(rank + 1), by those of K full fits (Järvelin and Kekäläinen 2002 divide by the
best order of what is there: that normalisation cannot say that nothing better was found). A list
shorter than K lacks hits: they count 0.

By truth: ``recall_at_k``, ``ndcg_at_k`` (gain = grade, discount as above, by the best order of all
graded) and ``mrr`` as trec_eval has them; a question without a relevant id has no value.

Estimator: mean over questions of each question's mean; unit the distinct question; interval
Wilson's, joined with the jackknife over trios (by_question.py). Higher is better. Source:
VERDICT.md, section 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from math import fsum, log2
from operator import mul

from mcstress.metrics.by_question import NANO, ByQuestion, QuestionRate
from mcstress.metrics.event import Graded
from mcstress.metrics.tally import Accumulator


@lru_cache(maxsize=64)
def _discounts(k: int) -> tuple[tuple[float, ...], float]:
    """1/log2(rank + 1) of ranks 1 to ``k``, and their sum."""
    weights = tuple(1 / log2(rank + 1) for rank in range(1, k + 1))
    return weights, fsum(weights)


def fits(gains: Sequence[float], k: int) -> int:
    """How many of the first ``k`` hits fit: have a gain that is not 0."""
    first = gains[:k]
    return len(first) - first.count(0)


def mean_gain_at_k(gains: Sequence[float], k: int) -> float:
    """The discounted gains of the first ``k`` hits, by those of ``k`` full fits."""
    weights, best = _discounts(k)
    return min(fsum(map(mul, gains, weights)) / best, 1.0)


def relevant_ids(grades: Mapping[str, int]) -> frozenset[str]:
    """The ids with a grade above 0."""
    return frozenset(who for who, grade in grades.items() if grade > 0)


def recall_at_k(ids: Iterable[str], grades: Mapping[str, int], k: int) -> float | None:
    """The share of the relevant ids that the first ``k`` of the list have; None without any."""
    relevant = relevant_ids(grades)
    if not relevant:
        return None
    return len(relevant.intersection(islice(ids, k))) / len(relevant)


def ndcg_at_k(ids: Iterable[str], grades: Mapping[str, int], k: int) -> float | None:
    """The discounted grades of the first ``k`` ids, by those of the best list; None without any.

    ``ids`` are distinct; grades below 0 count 0, as do ids that have none.
    """
    weights, _ = _discounts(k)
    best = fsum(map(mul, sorted((max(g, 0) for g in grades.values()), reverse=True), weights))
    if not best:
        return None
    return fsum(map(mul, (max(grades.get(who, 0), 0) for who in ids), weights)) / best


def reciprocal_rank(ids: Iterable[str], grades: Mapping[str, int]) -> float | None:
    """One by the rank of the first relevant id; 0 where none is listed; None without any."""
    relevant = relevant_ids(grades)
    if not relevant:
        return None
    return next((1 / rank for rank, who in enumerate(ids, 1) if who in relevant), 0.0)


class ByRule(Accumulator):
    """Fits, first hits that fit, and discounted gains, by question; in billionths.

    A list whose hits have none of the fields is not measured: it is not added.
    """

    def __init__(self) -> None:
        self.lists = ByQuestion(3)

    def add(self, unit: int, question: str, gains: Sequence[float], k: int) -> None:
        """Count a list: the gains of its hits in rank order, at most ``k``."""
        self.lists.add(
            unit,
            question,
            round(NANO * fits(gains, k) / k),
            NANO if gains and gains[0] > 0 else 0,
            round(NANO * mean_gain_at_k(gains, k)),
        )

    def rates(self) -> dict[str, QuestionRate | None]:
        """``precision_at_k``, ``top1_rate`` and ``mean_gain_at_k``; None where nothing came."""
        names = "precision_at_k", "top1_rate", "mean_gain_at_k"
        return {name: self.lists.rate(at, NANO) for at, name in enumerate(names)}


class ByTruth(Accumulator):
    """Recall, nDCG and reciprocal rank, by question; in billionths.

    ``ungraded`` counts lists of questions that have no relevant id, by unit and question.
    """

    def __init__(self) -> None:
        self.lists = ByQuestion(3)
        self.ungraded = ByQuestion(0)

    def add(
        self, unit: int, question: str, ids: Sequence[str], grades: Mapping[str, int], k: int
    ) -> None:
        """Count a list of distinct ``ids`` in rank order; ``grades`` are of its question."""
        recall = recall_at_k(ids, grades, k)
        if recall is None:
            self.ungraded.add(unit, question)
            return
        ndcg, rank = ndcg_at_k(ids, grades, k), reciprocal_rank(ids[:k], grades)
        values = (round(NANO * (value or 0.0)) for value in (recall, ndcg, rank))
        self.lists.add(unit, question, *values)

    def add_graded(self, unit: int, question: str, graded: Graded, k: int) -> None:
        """The same, of a list whose hits were graded where it was found."""
        if not graded.relevant:
            self.ungraded.add(unit, question)
            return
        grades = [max(grade, 0) for grade in graded.grades[:k]]
        weights, _ = _discounts(k)
        recall = (len(grades) - grades.count(0)) / graded.relevant
        ndcg = fsum(map(mul, grades, weights)) / fsum(map(mul, graded.best, weights))
        rank = next((1 / rank for rank, grade in enumerate(grades, 1) if grade), 0.0)
        self.lists.add(unit, question, *(round(NANO * value) for value in (recall, ndcg, rank)))

    def rates(self) -> dict[str, QuestionRate | None]:
        """``recall_at_k``, ``ndcg_at_k`` and ``mrr``; None where no list was graded."""
        names = "recall_at_k", "ndcg_at_k", "mrr"
        return {name: self.lists.rate(at, NANO) for at, name in enumerate(names)}
