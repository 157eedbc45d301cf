"""The interval of a diversity, from the Jaccards of its trios and of its pairs of cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import fsum

from mcstress.metrics.event import CellKey
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
from mcstress.metrics.jaccard import Sum


def interval(
    trios: Mapping[int, Sum], cell_pairs: Mapping[tuple[CellKey, CellKey], Sum], k: int
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


def _cells_left_out(cell_pairs: Mapping[tuple[CellKey, CellKey], Sum]) -> list[float | None]:
    """The mean without the pairs of one cell, for each cell; None where no pair is left."""
    cells = sorted({cell for pair in cell_pairs for cell in pair})
    return [
        _mean(total for pair, total in cell_pairs.items() if cell not in pair) for cell in cells
    ]


def _mean(sums: Iterable[Sum]) -> float | None:
    values = list(sums)
    count = sum(n for _, n in values)
    return fsum(s for s, _ in values) / count if count else None
