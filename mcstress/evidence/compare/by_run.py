"""Figures whose unit is the run: requests of one run are no independent witnesses of the next.

Mann and Whitney's test of the runs' figures; the effect is Hodges and Lehmann's (1963): the median
of all differences between a run of either side, with the interval that belongs to the test.
Latencies are compared by ratio: differences of their logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product
from math import comb
from statistics import median

import msgspec
from scipy.stats import mannwhitneyu  # type: ignore[import-untyped]  # scipy has no types

ALPHA = 0.05
FEWEST_RUNS = 4
"""A side with fewer reaches no p below 5 %, whatever it measured."""


class RunTest(msgspec.Struct, frozen=True):
    """``effect`` is b - a. The others are None with fewer than four runs a side.

    ``least_p`` is the smallest p that as many runs can reach, whatever they measured.
    """

    effect: float
    ci95: tuple[float, float] | None
    p: float | None
    least_p: float | None


def run_test(a: Sequence[float], b: Sequence[float]) -> RunTest:
    """Test that runs of ``a`` and ``b`` are alike; one value a run."""
    differences = sorted(after - before for before, after in product(a, b))
    effect = median(differences)
    if min(len(a), len(b)) < FEWEST_RUNS:
        return RunTest(effect, None, None, None)
    tied = len({*a, *b}) < len(a) + len(b)
    least = least_p(len(a), len(b))
    # The asymptotic one, which ties need, may fall below what so few runs can say.
    p = max(mannwhitneyu(a, b, method="asymptotic" if tied else "exact").pvalue, least)
    beyond = _beyond(len(a), len(b))
    ci95 = differences[beyond], differences[-1 - beyond]
    alike = differences[0] == differences[-1] == 0
    return RunTest(effect, ci95, 1.0 if alike else float(p), least)


def least_p(a: int, b: int) -> float:
    """The smallest p that ``a`` against ``b`` runs can reach."""
    return 2 / comb(a + b, a)


def _beyond(a: int, b: int) -> int:
    """How many of the sorted differences the 95 % interval leaves out at either end."""
    counts = _u_counts(a, b)
    below, total = 0, sum(counts)
    for rank, number in enumerate(counts):
        below += number
        if 2 * below > ALPHA * total:
            return rank
    return 0


@cache
def _u_counts(a: int, b: int) -> list[int]:
    """In how many orders of the runs U is 0, 1, …: Mann and Whitney's recursion (1947)."""
    if not a or not b:
        return [1]
    counts = [0] * (a * b + 1)
    for u, number in enumerate(_u_counts(a - 1, b)):
        counts[u + b] += number
    for u, number in enumerate(_u_counts(a, b - 1)):
        counts[u] += number
    return counts
