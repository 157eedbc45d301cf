"""Readings: what a figure means, in the words of the seed's healthy ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcstress.metrics.metric import OPERATORS, Range
from mcstress.metrics.names import METRICS, PLANNED_SHARE, find


def ranges() -> dict[str, tuple[Range, ...]]:
    """The ranges of each figure that has some, tried in order; the first is the healthy one."""
    return {name: metric.ranges for name, metric in METRICS.items() if metric.ranges}


NOTHING = {"word": "unknown", "meaning": "no samples, so nothing can be said"}


def read(name: str, value: float | None) -> dict[str, str]:
    """``word`` and ``meaning`` of a figure that has ranges, and ``healthy``, its healthy range."""
    tried = METRICS[name].ranges
    healthy = {"healthy": f"{tried[0].operator} {tried[0].limit:g}"}
    if value is None:
        return NOTHING | healthy
    found = next((r for r in tried if OPERATORS[r.operator](value, r.limit)), tried[-1])
    return {"word": found.word, "meaning": found.meaning} | healthy


def readings(results: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The reading of every figure that has ranges, by its name."""
    return {name: _reading(name, results) for name in ranges()}


def _reading(name: str, results: Mapping[str, Any]) -> dict[str, str]:
    """As a check would have it: where too few of those planned came, nothing can be said."""
    said = read(name, find(results, name))
    metric = METRICS[name]
    samples, planned = find(results, metric.samples), find(results, metric.planned or "")
    if not samples or not planned or samples >= PLANNED_SHARE * planned:
        return said
    return {**said, "word": "unknown", "meaning": f"only {samples:,} of {planned:,} planned"}
