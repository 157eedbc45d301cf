"""Diversity's arithmetic: mean, interval and chance of one figure, from its counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import fsum
from typing import Any

from mcstress.metrics import jaccard
from mcstress.metrics.intervals import (
    OVER_TRIOS,
    TRIOS_FOR_TRIO_INTERVAL,
    WITHIN_TRIOS,
    Interval,
    hull,
    jackknife_half,
    over_trios,
    wilson,
)

Cell = tuple[str, str]
Sum = tuple[float, int]
"""The sum of some Jaccards and their number."""

Overlaps = Iterable[tuple[Any, int, int, int]]
"""(group, shared, union, count)."""


def sums_by_group(overlaps: Overlaps) -> dict[Any, Sum]:
    """The sum and number of Jaccards per group, groups sorted."""
    rows: dict[Any, list[tuple[int, int, int]]] = defaultdict(list)
    for group, *row in overlaps:
        rows[group].append((row[0], row[1], row[2]))
    return {group: jaccard.total(rows[group]) for group in sorted(rows)}


def interval(
    trios: Mapping[int, Sum], cell_pairs: Mapping[tuple[Cell, Cell], Sum], k: int
) -> tuple[Interval | None, str | None]:
    """ci95 of a diversity and what it speaks of (STATISTICS.md, "Diversity").

    The hull of Wilson at n₀ = (2k - 1)·(pairs of cells)·T, or of the pairs there are where that is
    fewer, and of the jackknife's t interval over trios, or, below 5 trios, over cells.
    """
    if not trios:
        return None, None
    pairs = sum(n for _, n in trios.values())
    estimate = fsum(s for s, _ in trios.values()) / pairs
    effective = (2 * k - 1) * min(pairs, len(cell_pairs) * len(trios))
    score = wilson(min(estimate, 1.0), effective)
    if len(trios) >= TRIOS_FOR_TRIO_INTERVAL:
        return over_trios(score, list(trios.values()))[0], OVER_TRIOS
    left_out = _cells_left_out(cell_pairs)
    if len(left_out) < 2 or None in left_out:  # noqa: PLR2004  (nothing to vary)
        return score, WITHIN_TRIOS
    return hull(
        score, estimate, jackknife_half([x for x in left_out if x is not None])
    ), WITHIN_TRIOS


def _cells_left_out(cell_pairs: Mapping[tuple[Cell, Cell], Sum]) -> list[float | None]:
    """The mean without the pairs of one cell, for each cell; None where no pair is left."""
    cells = sorted({cell for pair in cell_pairs for cell in pair})
    return [
        _mean(total for pair, total in cell_pairs.items() if cell not in pair) for cell in cells
    ]


def _mean(sums: Iterable[Sum]) -> float | None:
    values = list(sums)
    count = sum(n for _, n in values)
    return fsum(s for s, _ in values) / count if count else None
