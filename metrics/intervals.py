"""Intervals at 95 % and the exact test, as STATISTICS.md chose them by simulation.

scipy, which has no types, is imported by those who work out results only: it takes a third of a
second and 15 MB that nobody else needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import fsum, sqrt

Interval = tuple[float, float]

ALPHA = 0.05
"""A p up to this proves a difference; intervals leave out as much."""
Z = 1.959963984540054
"""The normal distribution's quantile at 0.975."""

TRIOS_FOR_TRIO_INTERVAL = 5
OVER_TRIOS = "over trios"
WITHIN_TRIOS = "within these trios"


def wilson(mean: float, count: float) -> Interval:
    """Wilson's score interval (1927) of a mean of ``count`` values in [0, 1].

    For proportions it is the usual one; for other values in [0, 1] it is conservative, since
    their variance is at most mean·(1 - mean).
    """
    shrink = 1 + Z * Z / count
    centre = (mean + Z * Z / (2 * count)) / shrink
    half = Z / shrink * sqrt(max(mean * (1 - mean), 0.0) / count + (Z / (2 * count)) ** 2)
    # Exactly 0 and 1 at the ends, where rounding would leave the mean itself outside.
    low = 0.0 if mean <= 0 else centre - half
    high = 1.0 if mean >= 1 else centre + half
    return _clip(low, high, 0.0)


def bonett_price(memory_only: float, control_only: float, pairs: int) -> Interval:
    """Bonett and Price's adjusted Wald interval (2012) of a paired difference of two rates.

    The counts need not be whole: questions that were asked again count with their mean difference.
    """
    p, q = (memory_only + 1) / (pairs + 2), (control_only + 1) / (pairs + 2)
    half = Z * sqrt((p + q - (p - q) ** 2) / (pairs + 2))
    return _clip(p - q - half, p - q + half, -1.0)


def mcnemar_p(memory_only: int, control_only: int) -> float:
    """The exact two-sided McNemar test: ``binomtest(min(b, c), b + c, 0.5)``; 1 where b + c = 0."""
    from scipy.special import bdtr  # type: ignore[import-untyped]  # noqa: PLC0415  (see above)

    discordant = memory_only + control_only
    if not discordant:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(memory_only, control_only), discordant, 0.5)))


def import_scipy() -> None:
    """Import scipy now, for who looks at results during a run: it must not fall into that."""
    t_quantile(1)
    mcnemar_p(1, 0)


@lru_cache(maxsize=4096)
def t_quantile(degrees: int) -> float:
    """Student's t at 0.975."""
    from scipy.special import stdtrit  # noqa: PLC0415  (see above)

    return float(stdtrit(degrees, 0.975))


def jackknife_half(left_out: Sequence[float]) -> float:
    """Half of the t interval from the estimates with one unit left out each (Tukey 1958).

    V = (T - 1)/T · Σ(θ₋ₜ - mean)², df = T - 1; ``left_out`` holds at least two.
    """
    units = len(left_out)
    mean = fsum(left_out) / units
    variance = (units - 1) / units * fsum((estimate - mean) ** 2 for estimate in left_out)
    return t_quantile(units - 1) * sqrt(variance)


def ratios_left_out(sums: Sequence[tuple[float, int]]) -> list[float]:
    """Of the ratio ΣS/ΣN over (S, N) per unit: the ratios with one unit left out each."""
    total, count = fsum(s for s, _ in sums), sum(n for _, n in sums)
    return [(total - s) / (count - n) for s, n in sums]


def hull(interval: Interval, estimate: float, half: float, lowest: float = 0.0) -> Interval:
    """The smallest interval that holds ``interval`` and estimate ± half, within [lowest, 1]."""
    low, high = interval
    return _clip(min(low, estimate - half), max(high, estimate + half), lowest)


def over_trios(
    interval: Interval, sums: Sequence[tuple[float, int]], lowest: float = 0.0
) -> tuple[Interval, str]:
    """``interval``, from 5 trios on joined with the jackknife over them, and its label.

    ``sums`` has (S, N) per trio, N above zero; the estimate is ΣS/ΣN.
    """
    if len(sums) < TRIOS_FOR_TRIO_INTERVAL:
        return interval, WITHIN_TRIOS
    estimate = fsum(s for s, _ in sums) / sum(n for _, n in sums)
    return hull(interval, estimate, jackknife_half(ratios_left_out(sums)), lowest), OVER_TRIOS


def _clip(low: float, high: float, lowest: float) -> Interval:
    return (max(low, lowest), min(high, 1.0))
