"""Rates over questions, as sections show them, and where an expected hit stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcstress.metrics.by_question import ByQuestion
from mcstress.metrics.event import Hit
from mcstress.metrics.intervals import wilson

TOP1, LISTED, ABSENT = 0, 1, 2
"""Where the expected hit stood: first, further down in the list, or nowhere in it."""

MISSED_KEPT = 100
MissedRow = dict[str, Any]
"""A question that missed, as the document has it."""


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


def missed_questions(asked: ByQuestion, figure: int, listed: int | None = None) -> list[MissedRow]:
    """The questions whose ``figure``, 0 or 1 each time, was not always 1: the largest shares first.

    Each is ``unit``, ``question``, ``asked`` and ``missed`` (times), and where ``listed`` is a
    figure too, how many of the missed times that was 1: ``in_list``. At most 100 are told.
    """
    rows: list[MissedRow] = [
        {
            "unit": unit,
            "question": question,
            "asked": samples,
            "missed": samples - sums[figure],
            **({} if listed is None else {"in_list": sums[listed] - sums[figure]}),
        }
        for (unit, question), samples, sums in asked.rows()
        if sums[figure] < samples
    ]
    rows.sort(key=lambda row: (-row["missed"] / row["asked"], -row["missed"], row["question"]))
    return rows[:MISSED_KEPT]


def over_questions(
    asked: ByQuestion, figure: int, name: str, ci95: str, scale: int = 1
) -> dict[str, Any]:
    """The rate called ``name``, its interval called ``ci95``, and what that holds for."""
    found = asked.rate(figure, scale)
    if found is None:
        return dict.fromkeys((name, ci95, f"{ci95}_label"))
    return {name: found.value, ci95: list(found.ci95), f"{ci95}_label": found.ci95_label}
