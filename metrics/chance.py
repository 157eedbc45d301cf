"""Chance: the Jaccard that two random lists have. What a diversity must be held against."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import comb


@lru_cache(maxsize=1024)
def chance_jaccard(k: int, pool: int) -> float:
    """The expected Jaccard of two random lists of ``k`` from one ``pool``, about k/(2·pool).

    The size m of the intersection is hypergeometric: Σ m/(2k - m) · C(k,m)·C(N-k,k-m)/C(N,k). A
    pool of at most k gives two equal lists: 1.
    """
    if pool <= k:
        return 1.0
    ways = sum(
        Fraction(m, 2 * k - m) * comb(k, m) * comb(pool - k, k - m)
        for m in range(max(0, 2 * k - pool), k + 1)
    )
    return float(ways / comb(pool, k))
