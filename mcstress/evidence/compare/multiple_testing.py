"""The p values of a whole family of figures by run, corrected for one another by permuting runs.

Where nothing changed, any split of the runs into two sides is as good as the one that was made, in
all figures at once: the unit is the run. A figure's statistic is the difference of the sides' means
by its standard error plus a floor (Tusher, Tibshirani and Chu 2001): four runs a side that agree by
luck must not outdo a real difference. It is compared with the largest statistic of the family in
every split, stepping down (Westfall and Young 1993, maxT). So at most 5 % of comparisons find
anything that is not there, whatever the distribution of runs and however figures depend on one
another. The family's size costs little: with Holm's method over fifteen Welch tests
(speed.py) a latency that doubled is found in half to two thirds of comparisons where runs have
heavy tails, here in four fifths and more. The price: differences that are small beside the floor,
but sure, may not be found.

The interval of a figure is of the same test: the shifts of side b that it alone does not reject at
5 %. What is proven in the family is rejected alone, too, so that its interval does not hold 0.

4 against 4 are the fewest that can find anything: of 70 splits, two are as extreme as one can be,
p = 0.029. tests/evidence/test_compare_multiple_testing.py has alarms and finds in a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, islice
from math import comb
from random import Random

import msgspec
import numpy as np
from numpy.typing import NDArray

from mcstress.evidence.compare.paired import last_kept
from mcstress.metrics.intervals import ALPHA

FEWEST_RUNS = 2
LOGARITHM_FLOOR = 0.05
"""Of figures that are compared by ratio: five per cent."""
SHARE_FLOOR = 0.01
"""Of shares, compared by difference: one point."""

MOST_SPLITS = 20_000
"""All splits of 8 against 8 runs are 12,870; of more runs as many are drawn, always the same."""

_DOUBLINGS = 60

Floats = NDArray[np.float64]


class RunFigure(msgspec.Struct, frozen=True):
    """One figure's values: logarithms, or shares; one a run, in the same order in all figures.

    ``floor`` is in the values' unit and above 0.
    """

    a: Sequence[float]
    b: Sequence[float]
    floor: float = LOGARITHM_FLOOR


def family_p(figures: Sequence[RunFigure]) -> list[float]:
    """The corrected p of each figure, in their order.

    Raises ValueError where a side has fewer than two runs, or the figures' runs differ in number.
    """
    if not figures:
        return []
    runs = {(len(figure.a), len(figure.b)) for figure in figures}
    a, b = min(runs)
    if len(runs) > 1 or min(a, b) < FEWEST_RUNS:
        raise ValueError(
            f"figures of {sorted(runs)} runs: each figure has one value of every run, "
            f"and a side {FEWEST_RUNS} runs at least"
        )
    values = np.array([[*figure.a, *figure.b] for figure in figures], np.float64)
    floors = np.array([figure.floor for figure in figures])
    return _stepped_down(_statistics(values, floors, _splits(a, b)))


def least_p(a: int, b: int) -> float:
    """The smallest p that ``a`` against ``b`` runs can reach, whatever they measured."""
    return (2 if a == b else 1) / comb(a + b, a)


def interval(figure: RunFigure) -> tuple[float, float] | None:
    """The differences b - a that the figure's own test does not reject at 5 %, in its unit.

    None where it can reject nothing, and where all runs of each side agree: they say nothing of how
    much they could differ.
    """
    if least_p(len(figure.a), len(figure.b)) > ALPHA or len({*figure.a}) == len({*figure.b}) == 1:
        return None
    shifts = _Shifts(figure)
    return shifts.edge(-1.0), shifts.edge(1.0)


class _Shifts:
    """A figure's own p where the true difference b - a is ``shift``."""

    def __init__(self, figure: RunFigure) -> None:
        runs = np.array([*figure.a, *figure.b], np.float64)
        values, moved = runs - runs.mean(), np.repeat([0.0, 1.0], [len(figure.a), len(figure.b)])
        self._floor = figure.floor
        self.effect = float(runs[len(figure.a) :].mean() - runs[: len(figure.a)].mean())
        self._scale = float(np.ptp(runs)) + figure.floor
        chosen = _splits(len(figure.a), len(figure.b))
        self._sides = [
            (side[0].sum(), side @ values, side @ moved, side @ values**2, side @ (values * moved))
            for side in (chosen, 1 - chosen)
        ]

    def p(self, shift: float) -> float:
        """How rare the difference is where the true one is ``shift``: that is taken from b first.

        The sums of shifted values follow from those of the values, for all splits at once.
        """
        means, errors = [], []
        for runs, total, moved, squares, products in self._sides:
            mean = (total - shift * moved) / runs
            spread = squares - 2 * shift * products + shift**2 * moved - runs * mean**2
            means.append(mean)
            errors.append(np.maximum(spread, 0) / (max(runs - 1, 1) * runs))
        reached = np.abs(means[1] - means[0]) / (np.sqrt(errors[0] + errors[1]) + self._floor)
        return float((reached >= reached[0] * (1 - 1e-9) - 1e-12).mean())

    def edge(self, way: float) -> float:
        """The last shift, from the effect on in one direction, that is not rejected.

        Where 0 is rejected it is beyond the edge, so that test and interval say the same.
        """
        inside, outside = self.effect, self.effect + way * self._scale
        if way * self.effect < 0 and self.p(0.0) <= ALPHA:
            outside = 0.0
        else:
            for _ in range(_DOUBLINGS):
                if self.p(outside) <= ALPHA:
                    break
                inside, outside = outside, outside + 2 * (outside - self.effect)
        return last_kept(self.p, inside, outside)


def _splits(a: int, b: int) -> Floats:
    """The runs of the first side as ones, a row a split; the split that was made comes first."""
    total = comb(a + b, a)
    if total <= MOST_SPLITS:
        chosen = list(combinations(range(a + b), a))
    else:
        random, runs = Random(total), range(a + b)
        drawn = (tuple(random.sample(runs, a)) for _ in range(MOST_SPLITS - 1))
        chosen = [tuple(islice(runs, a)), *drawn]
    ones = np.zeros((len(chosen), a + b))
    np.put_along_axis(ones, np.array(chosen), 1.0, axis=1)
    return ones


def _statistics(values: Floats, floors: Floats, splits: Floats) -> Floats:
    """A row a split, a column a figure."""
    centred = values - values.mean(axis=1, keepdims=True)
    means, errors = [], []
    for side in (splits, 1 - splits):
        runs = side[0].sum()
        mean = side @ centred.T / runs
        squares = side @ (centred**2).T - runs * mean**2
        means.append(mean)
        errors.append(np.maximum(squares, 0) / (max(runs - 1, 1) * runs))
    return np.asarray(np.abs(means[1] - means[0]) / (np.sqrt(errors[0] + errors[1]) + floors))


def _stepped_down(statistics: Floats) -> list[float]:
    """Westfall and Young's step-down: each is compared with those that are no larger than it."""
    order = np.argsort(-statistics[0], kind="stable")
    ordered = statistics[:, order]
    largest = np.maximum.accumulate(ordered[:, ::-1], axis=1)[:, ::-1]
    # Equal splits must count as equal, whatever order their sums were taken in.
    reached = largest >= ordered[0] * (1 - 1e-9) - 1e-12
    stepped = np.maximum.accumulate(reached.mean(axis=0))
    corrected = np.empty(len(order))
    corrected[order] = stepped
    return [float(p) for p in corrected]
