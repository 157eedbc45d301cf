"""Rates: hits by queries, with Wilson's interval."""

from __future__ import annotations

from collections.abc import Sequence

from metrics.intervals import wilson

TOP1, LISTED, ABSENT = 0, 1, 2
"""Where the expected id stood: first, further down in the list, or nowhere in it."""


def place(ids: Sequence[str], expected: str) -> int:
    """Where ``expected`` stands in ``ids``: TOP1, LISTED or ABSENT."""
    if ids and ids[0] == expected:
        return TOP1
    return LISTED if expected in ids else ABSENT


def rate(hits: int, queries: int) -> float | None:
    """``hits`` by ``queries``; None where there were none."""
    return hits / queries if queries else None


def rate_ci95(hits: int, queries: int) -> list[float] | None:
    """Wilson's interval of a rate; None where there were no queries."""
    return list(wilson(hits / queries, queries)) if queries else None
