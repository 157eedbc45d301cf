"""Means over questions, their intervals and tests, in plain Python: none of the product's code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import comb, fsum, sqrt

from scipy.stats import t

Z = 1.959963984540054
TRIOS = 5

Sample = tuple[tuple[int, str], float]
"""(unit, question) and the value of one asking."""


def wilson(mean: float, count: int) -> tuple[float, float]:
    """The two solutions of |mean - p| = Z·√(p(1 - p)/n)."""
    a, b, c = 1 + Z**2 / count, -(2 * mean + Z**2 / count), mean**2
    root = sqrt(max(b * b - 4 * a * c, 0))
    low, high = (-b - root) / (2 * a), (-b + root) / (2 * a)
    return (0.0 if mean <= 0 else max(low, 0.0)), (1.0 if mean >= 1 else min(high, 1.0))


def bonett_price(gained: float, lost: float, count: int) -> tuple[float, float]:
    p, q = (gained + 1) / (count + 2), (lost + 1) / (count + 2)
    half = Z * sqrt((p + q - (p - q) ** 2) / (count + 2))
    return max(p - q - half, -1.0), min(p - q + half, 1.0)


def mcnemar(better: int, worse: int) -> float:
    """Twice the chance of so few of the rarer sign or fewer, at even odds."""
    number = better + worse
    fewer = sum(comb(number, k) for k in range(min(better, worse) + 1))
    return float(min(Fraction(1), Fraction(2 * fewer, 2**number))) if number else 1.0


def joined(
    interval: tuple[float, float], groups: Sequence[Sequence[float]], lowest: float = 0.0
) -> tuple[list[float], str]:
    """From five groups on joined with the jackknife that leaves out one group each."""
    if len(groups) < TRIOS:
        return [*interval], "within these trios"
    low, high = left_out(groups)
    return [max(min(interval[0], low), lowest), min(max(interval[1], high), 1.0)], "over trios"


def left_out(groups: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Estimate less and plus t·√V of the mean of all values, one group left out each."""
    number = len(groups)
    estimate = fsum(v for group in groups for v in group) / sum(map(len, groups))
    means = []
    for at in range(number):
        others = [v for place, group in enumerate(groups) if place != at for v in group]
        means.append(fsum(others) / len(others))
    centre = fsum(means) / number
    variance = (number - 1) / number * fsum((one - centre) ** 2 for one in means)
    half = float(t.ppf(0.975, number - 1)) * sqrt(variance)
    return estimate - half, estimate + half


def by_question(samples: Iterable[Sample]) -> dict[tuple[int, str], float]:
    """The mean of each question."""
    asked = defaultdict(list)
    for key, value in samples:
        asked[key].append(float(value))
    return {key: fsum(values) / len(values) for key, values in asked.items()}


def of_units(means: dict[tuple[int, str], float]) -> list[list[float]]:
    """The questions' means, by unit."""
    units = defaultdict(list)
    for (unit, _), mean in means.items():
        units[unit].append(mean)
    return [*units.values()]


def rate(samples: Iterable[Sample]) -> tuple[float | None, list[float] | None, str | None, int]:
    """The mean over questions, its interval, what that holds for, and the number of questions."""
    means = by_question(samples)
    if not means:
        return None, None, None, 0
    mean = fsum(means.values()) / len(means)
    return mean, *joined(wilson(mean, len(means)), of_units(means)), len(means)


def lift(samples: Iterable[Sample]) -> dict[str, object]:
    """The mean difference over questions, with its interval and test."""
    means = by_question(samples)
    if not means:
        return {"lift": None, "lift_ci95": None, "mcnemar_p": None}
    gained = fsum(d for d in means.values() if d > 0)
    lost = -fsum(d for d in means.values() if d < 0)
    signs = [(d > 0) - (d < 0) for d in means.values()]
    interval = bonett_price(gained, lost, len(means))
    ci95, label = joined(interval, of_units(means), lowest=-1.0)
    return {
        "lift": (gained - lost) / len(means),
        "lift_ci95": ci95,
        "lift_ci95_label": label,
        "mcnemar_p": mcnemar(signs.count(1), signs.count(-1)),
        "better_questions": signs.count(1),
        "worse_questions": signs.count(-1),
        "pair_questions": len(means),
    }
