"""Readings: what a figure means, in the words of the seed's healthy ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from mcstress.metrics.check import OPERATORS
from mcstress.metrics.names import METRICS, PLANNED_SHARE, find


class Range(msgspec.Struct, frozen=True):
    """The values that ``operator`` and ``limit`` admit, in a word and in a sentence's words."""

    operator: str
    limit: float
    word: str
    meaning: str


SAME_ROLE = "diversity.same_role_across_contracts.mean_jaccard"
DIFFERENT_ROLES = "diversity.different_roles_within_contract.mean_jaccard"

RANGES: dict[str, tuple[Range, ...]] = {
    SAME_ROLE: (
        Range("<", 0.30, "healthy", "one role gets different people in different contracts"),
        Range("<=", 0.50, "high", "contracts share more people than they should"),
        Range("<=", 1.0, "cycling", "the same people whatever the contract"),
    ),
    DIFFERENT_ROLES: (
        Range("<", 0.10, "healthy", "different roles get different people"),
        Range("<=", 0.50, "high", "roles share more people than they should"),
        Range("<=", 1.0, "cycling", "the same people whatever the role"),
    ),
    "determinism.mean_jaccard": (
        Range(">=", 0.95, "healthy", "the same query gets the same people"),
        Range(">=", 0.80, "acceptable", "most people come back, some change"),
        Range(">=", 0.0, "unstable", "the same query gets other people"),
    ),
    "handover.verbatim.top1_rate": (
        Range(">=", 0.95, "healthy", "a colleague finds what was learnt"),
        Range(">=", 0.0, "low", "what was learnt does not always reach a colleague"),
    ),
    "handover.paraphrase.top1_rate": (
        Range(">=", 0.5, "healthy", "what was learnt is found in other words too"),
        Range(">=", 0.0, "low", "what was learnt is found in its own words only"),
    ),
    "freshness.top_k_rate": (
        Range(">=", 0.95, "healthy", "new resumes are found"),
        Range(">=", 0.0, "low", "not every new resume is found"),
    ),
    "swap.returned": (
        Range("==", 0, "healthy", "nobody who was rejected returns"),
        Range(">", 0, "ignored", "people who were rejected return"),
    ),
    "errors.rate": (
        Range("<=", 0.01, "healthy", "steps succeed"),
        Range("<=", 1.0, "failing", "more steps fail than should"),
    ),
}
"""The ranges of each figure, tried in order; the first is the healthy one."""

NOTHING = {"word": "unknown", "meaning": "no samples, so nothing can be said"}


def read(name: str, value: float | None) -> dict[str, str]:
    """``word`` and ``meaning`` of a figure that has ranges, and ``healthy``, its healthy range."""
    ranges = RANGES[name]
    healthy = {"healthy": f"{ranges[0].operator} {ranges[0].limit:g}"}
    if value is None:
        return NOTHING | healthy
    found = next((r for r in ranges if OPERATORS[r.operator](value, r.limit)), ranges[-1])
    return {"word": found.word, "meaning": found.meaning} | healthy


def readings(results: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The reading of every figure that has ranges, by its name."""
    return {name: _reading(name, results) for name in RANGES}


def _reading(name: str, results: Mapping[str, Any]) -> dict[str, str]:
    """As a check would have it: where too few of those planned came, nothing can be said."""
    said = read(name, find(results, name))
    metric = METRICS[name]
    samples, planned = find(results, metric.samples), find(results, metric.planned or "")
    if not samples or not planned or samples >= PLANNED_SHARE * planned:
        return said
    return {**said, "word": "unknown", "meaning": f"only {samples:,} of {planned:,} planned"}
