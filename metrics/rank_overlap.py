"""Rank-biased overlap: how alike two rankings are, the top weighing most."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

PERSISTENCE = 0.9
"""The p of RBO: the first 8 ranks carry about 80 % of the weight."""


def rank_biased_overlap(a: Sequence[str], b: Sequence[str]) -> float:
    """Extrapolated RBO at p = 0.9 of two rankings without repeated ids, in [0, 1]; higher is alike.

    Webber, Moffat and Zobel, "A similarity measure for indefinite rankings" (2010), eq. 32, which
    takes unequal lengths. Two empty rankings are alike (1), an empty one and another not (0).
    """
    shorter, longer = (a, b) if len(a) <= len(b) else (b, a)
    if not shorter:
        return 0.0 if longer else 1.0
    s, depth = len(shorter), len(longer)
    overlaps = _overlaps(shorter, longer)
    at_s, at_l = overlaps[s - 1], overlaps[-1]
    seen = sum(x / d * PERSISTENCE**d for d, x in enumerate(overlaps, 1))
    beyond = sum(at_s * (d - s) / (s * d) * PERSISTENCE**d for d in range(s + 1, depth + 1))
    tail = ((at_l - at_s) / depth + at_s / s) * PERSISTENCE**depth
    return (1 - PERSISTENCE) / PERSISTENCE * (seen + beyond) + tail


def _overlaps(shorter: Sequence[str], longer: Sequence[str]) -> list[int]:
    """How many ids the first d ranks of both share, for d = 1 … the longer's length."""
    unmatched: set[str] = set()
    shared, overlaps = 0, []
    for item, other in zip_longest(longer, shorter):
        for newcomer in {item, other} - {None} if item != other else ():
            shared += newcomer in unmatched
            unmatched ^= {newcomer}
        shared += item == other
        overlaps.append(shared)
    return overlaps
