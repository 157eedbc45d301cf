"""Jaccard: the size of two lists' intersection by that of their union, blind to order (1901)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from math import fsum
from typing import Any

Sum = tuple[float, int]
"""The sum of some Jaccards and their number."""

Overlaps = Iterable[tuple[Any, int, int, int]]
"""(group, shared, union, count)."""


def overlap(a: frozenset[str], b: Collection[str]) -> tuple[int, int]:
    """The sizes of intersection and union: all that a Jaccard's state needs. ``b`` repeats none."""
    shared = 0 if a.isdisjoint(b) else len(a.intersection(b))
    return shared, len(a) + len(b) - shared


def jaccard(shared: int, union: int) -> float:
    """The Jaccard of two lists; 1 for two lists with nothing in them, which are alike."""
    return shared / union if union else 1.0


def total(overlaps: Iterable[tuple[int, int, int]]) -> tuple[float, int]:
    """Sum and number of Jaccards from (shared, union, count); the same bits in any order."""
    rows = list(overlaps)
    return fsum(n * jaccard(shared, union) for shared, union, n in rows), sum(r[2] for r in rows)


def mean(overlaps: Mapping[tuple[int, int], int]) -> float | None:
    """The mean Jaccard of pairs counted by (shared, union); None where there are none."""
    jaccards, count = total((shared, union, n) for (shared, union), n in overlaps.items())
    return jaccards / count if count else None


def sums_by_group(overlaps: Overlaps) -> dict[Any, Sum]:
    """The sum and number of Jaccards per group, groups sorted."""
    rows: dict[Any, list[tuple[int, int, int]]] = defaultdict(list)
    for group, *row in overlaps:
        rows[group].append((row[0], row[1], row[2]))
    return {group: total(rows[group]) for group in sorted(rows)}
