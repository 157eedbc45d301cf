"""The question as the unit: outcomes by question, and the rates and lifts over questions.

What is asked again in the same words is no new witness: asked in every round, and by every trio
of one wording, a question refines its own value and adds no unit. Counted by samples instead,
intervals at 95 % covered 39 to 54 % of the truth, and McNemar's test found a difference where
there was none in 16 to 65 % of runs (tests/metrics/test_by_question_simulations.py has the table).

A rate's estimator is the mean over questions of each question's mean; its interval Wilson's with
n = questions, from five units (trios with wordings of their own) on joined with the jackknife over
units. A lift's is the mean over questions of each question's mean difference d; its interval
Bonett and Price's (2012) with b = Σ max(d, 0) and c = Σ max(-d, 0), joined likewise; its test is
McNemar's exact one over the signs of d, ties left out. Source: VERDICT.md, section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import nsmallest
from math import fsum
from operator import add as plus
from typing import Any
from zlib import crc32

import msgspec

from mcstress.metrics.intervals import Interval, bonett_price, mcnemar_p, over_trios, wilson
from mcstress.metrics.metric import OPERATORS

KEPT = 10_000
"""Of more different questions, as many are kept: half a point of interval at worst is enough."""

WAITING = 1_000
"""Different samples (question and values) that are counted before they are added up."""

NANO = 1_000_000_000
"""The scale of values that are not whole: they are summed in billionths, as integers."""

MOST_NEEDED = 10**9
BOUNDS = (">", ">=", "<", "<=")

Key = tuple[int, str]
"""The unit that asks (a trio, or the trios of one wording), and the scenario's own key."""


class QuestionRate(msgspec.Struct, frozen=True):
    """A mean over questions, with its interval at 95 % and what that holds for.

    ``questions`` is n; ``units`` are the trios with wordings of their own; ``samples`` counts every
    time that a question was asked. ``sampled``: the mean is over a fixed choice of the questions.
    """

    value: float
    ci95: Interval
    ci95_label: str
    questions: int
    units: int
    samples: int
    sampled: bool


class Lift(msgspec.Struct, frozen=True):
    """A mean difference over questions. ``better`` and ``worse`` count them by their sign."""

    value: float
    ci95: Interval
    ci95_label: str
    mcnemar_p: float
    better: int
    worse: int
    questions: int
    units: int
    samples: int


class ByQuestion:
    """The number of samples and the sums of their values, by question; mergeable, order-free.

    ``figures`` values come with each sample, all integers: 0 or 1 for a rate; -1, 0 or 1 for a
    pair's difference; billionths (``NANO``) for what is not whole.

    Beyond 10,000 different questions (an LLM's words differ each time), those whose checksums are
    smallest are kept: one among the smallest of all is among the smallest of any part, so its
    sums are whole, and merging in any order keeps the same ones. The checksum knows nothing of the
    outcome, so that they are a fair choice. ``samples`` counts all.

    With keys of 40 characters the state has 1.7 KB of JSON for 32 questions, 52 KB for 1,000 and
    520 KB for 100,000; in memory 6 KB, 250 KB and at most 9 MB.
    """

    def __init__(self, figures: int = 1) -> None:
        self.samples = 0
        self._figures = figures
        self._rows: dict[Key, list[int]] = {}
        self._waiting: dict[tuple[int, str, tuple[int, ...]], int] = {}

    def add(self, unit: int, question: str, *values: int) -> None:
        """Count a sample of ``question``; a system that is steady gives the same values again."""
        self.samples += 1
        sample, waiting = (unit, question, values), self._waiting
        if sample in waiting:
            waiting[sample] += 1
            return
        if len(values) != self._figures:
            raise ValueError(f"{len(values)} values of a question; {self._figures} are counted")
        waiting[sample] = 1
        if len(waiting) > WAITING:
            self._settle()

    def _settle(self) -> None:
        """Add up the samples that wait."""
        waiting, self._waiting, rows = self._waiting, {}, self._rows
        for (unit, question, values), count in waiting.items():
            key = unit, question
            row = [count, *(values if count == 1 else [count * value for value in values])]
            known = rows.get(key)
            rows[key] = row if known is None else list(map(plus, known, row))
        if len(rows) > 2 * KEPT:
            self._keep_smallest()

    def _add_rows(self, rows: dict[Key, list[int]]) -> None:
        """Add numbers of samples and sums; ``rows`` is nobody else's any more."""
        mine = self._rows
        if not mine:
            self._rows = mine = rows
        else:
            for key, row in rows.items():
                known = mine.get(key)
                mine[key] = row if known is None else list(map(plus, known, row))
        if len(mine) > 2 * KEPT:
            self._keep_smallest()

    def _prune(self) -> None:
        """Add up what waits, and forget what is too much: readers come after."""
        if self._waiting:
            self._settle()
        if len(self._rows) > KEPT:
            self._keep_smallest()

    def _keep_smallest(self) -> None:
        self._rows = dict(nsmallest(KEPT, self._rows.items(), key=_by_checksum))

    def __len__(self) -> int:
        """How many different questions are kept."""
        self._prune()
        return len(self._rows)

    def rows(self) -> Iterator[tuple[Key, int, list[int]]]:
        """Unit and question, its number of samples, and the sums of its values; sorted."""
        self._prune()
        for key, (samples, *sums) in sorted(self._rows.items()):
            yield key, samples, sums

    def means(self, figure: int = 0, scale: int = 1) -> Iterator[tuple[int, float]]:
        """Unit and mean of each question, in the questions' order."""
        self._prune()
        for (unit, _), row in sorted(self._rows.items()):
            yield unit, row[1 + figure] / (scale * row[0])

    def sums(self, figure: int = 0, scale: int = 1) -> dict[str, tuple[float, int]]:
        """The sum of a figure's values (by ``scale``) and their number, by question."""
        self._prune()
        return {
            question: (row[1 + figure] / scale, row[0]) for (_, question), row in self._rows.items()
        }

    def mean(self, figure: int = 0, scale: int = 1) -> float | None:
        """The mean over questions of a figure (by ``scale``), as ``rate`` has it; None without any.

        In no order: a sum that is rounded once is the same in all.
        """
        self._prune()
        place, rows = 1 + figure, self._rows.values()
        return fsum(row[place] / (scale * row[0]) for row in rows) / len(rows) if rows else None

    def rate(self, figure: int = 0, scale: int = 1) -> QuestionRate | None:
        """The mean over questions of a figure in [0, 1] (times ``scale``); None without any."""
        means = list(self.means(figure, scale))
        if not means:
            return None
        value, units = fsum(mean for _, mean in means) / len(means), _by_unit(means)
        ci95, label = over_trios(wilson(value, len(means)), units)
        sampled = sum(row[0] for row in self._rows.values()) < self.samples
        return QuestionRate(value, ci95, label, len(means), len(units), self.samples, sampled)

    def lift(self, figure: int = 0) -> Lift | None:
        """The mean difference over questions of a figure in [-1, 1]; None without any."""
        means = list(self.means(figure))
        if not means:
            return None
        gained = fsum(max(d, 0.0) for _, d in means)
        lost = fsum(max(-d, 0.0) for _, d in means)
        better, worse = sum(d > 0 for _, d in means), sum(d < 0 for _, d in means)
        units = _by_unit(means)
        ci95, label = over_trios(bonett_price(gained, lost, len(means)), units, lowest=-1.0)
        return Lift(
            value=(gained - lost) / len(means),
            ci95=ci95,
            ci95_label=label,
            mcnemar_p=mcnemar_p(better, worse),
            better=better,
            worse=worse,
            questions=len(means),
            units=len(units),
            samples=self.samples,
        )

    def merge(self, other: ByQuestion) -> None:
        """Add ``other``'s sums to these."""
        self.samples += other.samples
        other._prune()
        self._add_rows({key: list(row) for key, row in other._rows.items()})

    def state(self) -> dict[str, Any]:
        """``rows``: [unit, question, samples, sum, …], sorted. Empty where nothing was added."""
        self._prune()
        rows = [[*key, *row] for key, row in sorted(self._rows.items())]
        return {"samples": self.samples, "rows": rows} if rows else {}

    def restore(self, state: dict[str, Any]) -> None:
        """Add what ``state()`` gave."""
        rows: dict[Key, list[int]] = {}
        length = 3 + self._figures
        for row in state["rows"]:
            if len(row) != length:
                raise ValueError(
                    f"{len(row) - 3} values of a question; {self._figures} are counted"
                )
            rows[row[0], row[1]] = row[2:]
        self.samples += state["samples"]
        self._add_rows(rows)


def _by_checksum(item: tuple[Key, list[int]]) -> tuple[int, Key]:
    (unit, question), _ = item
    return crc32(f"{unit}\0{question}".encode(errors="surrogatepass")), (unit, question)


def _by_unit(means: list[tuple[int, float]]) -> list[tuple[float, int]]:
    """The sum of the questions' means and their number, per unit."""
    sums: dict[int, list[float]] = {}
    for unit, mean in means:
        sums.setdefault(unit, []).append(mean)
    return [(fsum(values), len(values)) for values in sums.values()]


def questions_needed(operator: str, threshold: float, mean: float | None = None) -> int | None:
    """How many different questions settle a check of a rate: its interval does not cross.

    ``mean`` is the rate that they would have; without, none misses: 1 where more is better, 0
    where less is. So ``>= 0.95`` needs 73. None where no number settles it: at the threshold
    itself, and for ``==`` and ``!=``, which no interval proves.
    """
    best = 1.0 if operator.startswith(">") else 0.0
    expected = best if mean is None else mean
    if operator not in BOUNDS:
        return None
    if mean is None and not OPERATORS[operator](best, threshold):
        return None  # not even without a miss
    return _fewest(lambda count: _settled(wilson(expected, count), operator, threshold))


def lift_questions_needed(
    operator: str, threshold: float, gained: float = 1.0, lost: float = 0.0
) -> int | None:
    """How many different questions settle a check of a lift, the same way.

    ``gained`` and ``lost`` are b and c by question; without, the memory finds what the control
    never does.
    """

    def settles(count: int) -> bool:
        interval = bonett_price(gained * count, lost * count, count)
        return _settled(interval, operator, threshold)

    return _fewest(settles) if operator in BOUNDS else None


def _settled(interval: Interval, operator: str, threshold: float) -> bool:
    low, high = (OPERATORS[operator](end, threshold) for end in interval)
    return low == high


def _fewest(settles: Callable[[int], bool]) -> int | None:
    """The smallest number that settles; the intervals of more are within those of fewer."""
    enough = 1
    while not settles(enough):
        enough *= 2
        if enough > MOST_NEEDED:
            return None
    few = enough // 2
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if settles(middle) else (middle, enough)
    return enough
