"""Rates over questions, as sections show them, and where an expected hit stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcstress.metrics.by_question import ByQuestion
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
    """Wilson's interval of a rate of independent samples; None where there were none."""
    return list(wilson(hits / queries, queries)) if queries else None


def over_questions(
    asked: ByQuestion, figure: int, name: str, ci95: str, scale: int = 1
) -> dict[str, Any]:
    """The rate called ``name``, its interval called ``ci95``, and what that holds for."""
    found = asked.rate(figure, scale)
    if found is None:
        return dict.fromkeys((name, ci95, f"{ci95}_label"))
    return {name: found.value, ci95: list(found.ci95), f"{ci95}_label": found.ci95_label}
