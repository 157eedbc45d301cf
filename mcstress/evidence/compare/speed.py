"""Speed by run: Welch's test of the logarithms of the runs' figures, and what it can find.

A latency or a pace of one run is one value: requests of one run are no independent witnesses of
the next. Estimator: the ratio of geometric means, b / a. Interval and p: Welch (1947) on the
logarithms; Mann and Whitney's p stands beside it, which asks nothing of the distribution, and at
4 against 4 cannot go below 0.029. A family is corrected by Holm's method (1979). Where nothing is
proven, ``least_ratio`` and ``runs_needed`` say what could have been. Source: VERDICT.md, section 7.

Simulated at 4 against 4 in a family of 15, runs differing by 8 %: A against A calls anything a
difference in 3 % of comparisons, a doubled figure is found in all, 1.3 times in 41 %. Where runs
have heavy tails, A against A in 1 to 2 % and doubled in a half to two thirds: multiple_testing.py
finds more (test_compare_speed.py and test_compare_multiple_testing.py have the tables).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log, sqrt
from statistics import fmean, variance

import msgspec
from scipy.special import nctdtr, stdtr, stdtrit  # type: ignore[import-untyped]  # has no types
from scipy.stats import mannwhitneyu  # type: ignore[import-untyped]  # has no types

from mcstress.metrics.intervals import ALPHA

POWER = 0.8
"""How often a difference should be found that is there."""
FEWEST_RUNS = 2
"""A side with fewer says nothing of how much runs differ."""
MOST_RUNS = 100
NEAR = 0.001
"""How near ``least_ratio`` comes, in logarithms."""

RESOLUTION = 0.005 / sqrt(12)
"""What the logarithms cannot tell apart: the histogram's buckets grow by 0.5 %.

Runs whose percentiles fall into one bucket are not known to be equal; the standard deviation is
never taken to be smaller.
"""


class SpeedTest(msgspec.Struct, frozen=True):
    """``ratio`` is b / a, with its interval at 95 %.

    ``spread`` is the standard deviation of the logarithms within the sides. All but ``ratio`` are
    None with fewer than two runs a side.
    """

    ratio: float
    ci95: tuple[float, float] | None = None
    p: float | None = None
    mannwhitney_p: float | None = None
    spread: float | None = None


def speed_test(a: Sequence[float], b: Sequence[float]) -> SpeedTest | None:
    """Test that runs of ``a`` and ``b`` are as fast; one value a run.

    None where a side is empty or a value is not above 0: it has no logarithm.
    """
    if not a or not b or min(*a, *b) <= 0:
        return None
    before, after = [log(value) for value in a], [log(value) for value in b]
    effect = fmean(after) - fmean(before)
    if min(len(a), len(b)) < FEWEST_RUNS:
        return SpeedTest(exp(effect))
    half, p = welch(before, after)
    tied = len({*a, *b}) < len(a) + len(b)
    beside = mannwhitneyu(a, b, method="asymptotic" if tied else "exact").pvalue
    return SpeedTest(
        ratio=exp(effect),
        ci95=(exp(effect - half), exp(effect + half)),
        p=p,
        mannwhitney_p=1.0 if len({*a, *b}) == 1 else float(beside),
        spread=_pooled(before, after),
    )


def welch(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """Half of the interval at 95 % of the difference of two means, and Welch's p.

    Both sides are logarithms of at least two runs.
    """
    sides = before, after
    parts = [_variance(side) / len(side) for side in sides]
    error = sqrt(sum(parts))
    degrees = sum(parts) ** 2 / sum(
        part**2 / (len(side) - 1) for part, side in zip(parts, sides, strict=True)
    )
    half = float(stdtrit(degrees, 1 - ALPHA / 2)) * error
    return half, 2 * float(stdtr(degrees, -abs(fmean(after) - fmean(before)) / error))


def _variance(logarithms: Sequence[float]) -> float:
    return max(variance(logarithms), RESOLUTION**2)


def _pooled(before: Sequence[float], after: Sequence[float]) -> float:
    weights = len(before) - 1, len(after) - 1
    total = weights[0] * _variance(before) + weights[1] * _variance(after)
    return sqrt(total / sum(weights))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values corrected for their number (Holm 1979), in their own order."""
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[at]))
        corrected[at] = highest
    return corrected


def power(ratio: float, runs: tuple[int, int], spread: float, family: int) -> float:
    """How often a true ``ratio`` is found, the right way round, as the first of a ``family``.

    By the noncentral t at 5 % by the family's size (Holm's first step): the truth where no other
    figure differs, else a little more. ``spread``: the runs' logarithms' standard deviation.
    """
    a, b = runs
    degrees = a + b - 2
    beyond = float(stdtrit(degrees, 1 - ALPHA / (2 * family)))
    shift = abs(log(ratio)) / (max(spread, RESOLUTION) * sqrt(1 / a + 1 / b))
    if shift > 2 * beyond + 10:  # so far beyond that the series would not converge
        return 1.0
    return 1 - float(nctdtr(degrees, shift, beyond))


def runs_needed(ratio: float, spread: float, family: int) -> int | None:
    """How many runs a side find a true ``ratio`` in 80 % of comparisons; None beyond 100."""
    for runs in range(FEWEST_RUNS, MOST_RUNS + 1):
        if power(ratio, (runs, runs), spread, family) >= POWER:
            return runs
    return None


def least_ratio(runs: tuple[int, int], spread: float, family: int) -> float:
    """The smallest ratio above 1 that is found in 80 % of comparisons, to within 0.1 %.

    Infinite with fewer than two runs a side.
    """
    if min(runs) < FEWEST_RUNS:
        return inf
    low, high = 0.0, 1.0
    while power(exp(high), runs, spread, family) < POWER:
        low, high = high, 2 * high
    while high - low > NEAR:
        middle = (low + high) / 2
        found = power(exp(middle), runs, spread, family) >= POWER
        low, high = (low, middle) if found else (middle, high)
    return exp(high)
