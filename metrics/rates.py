"""Rates: hits by queries, with Wilson's interval."""

from __future__ import annotations

from collections.abc import Sequence

from mcstress.metrics.event import Hit
from mcstress.metrics.intervals import wilson

TOP1, LISTED, ABSENT = 0, 1, 2
"""Where the expected hit stood: first, further down in the list, or nowhere in it."""


def place(hits: Sequence[Hit], expected: str, corpus: str | None) -> int:
    """Where the hit of id ``expected`` and ``corpus`` (None: any) stands: TOP1, LISTED, ABSENT."""
    for rank, hit in enumerate(hits):
        if hit.id == expected and (corpus is None or hit.corpus == corpus):
            return LISTED if rank else TOP1
    return ABSENT


def rate(hits: int, queries: int) -> float | None:
    """``hits`` by ``queries``; None where there were none."""
    return hits / queries if queries else None


def rate_ci95(hits: int, queries: int) -> list[float] | None:
    """Wilson's interval of a rate; None where there were no queries."""
    return list(wilson(hits / queries, queries)) if queries else None
