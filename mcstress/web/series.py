"""What the page's plots show now, as columns for plots that were drawn long before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite

from mcstress.evidence.report.plots import arrivals, heat_map, load_curve, speed
from mcstress.evidence.report.plots.over_time import edges_ms
from mcstress.evidence.report.plots.quality import handover_arms
from mcstress.evidence.report.plots.style import Series, drawable
from mcstress.evidence.report.sections.load import SEARCH
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.load_curve import pace
from mcstress.metrics.results import SlotArm, SlotLatency, TimelineSlot
from mcstress.services.clock import CLOCK

TIME = "time"
PACES, CROWD = " requests per second", " users"
"""The ranges of the plot of load."""
SILENCES = " silences"
"""The source of the times in which nothing succeeded."""

PERCENTILES = ("p50_ms", "p95_ms", "p99_ms")
ARRIVAL_S = 2.0
"""How long a worker's figures may be under way: a slot younger than that is not whole yet."""

GAP = float("nan")


def all_series(document: RunDocument, *, going_on: bool) -> list[Series]:
    """One for each plot; ``going_on`` leaves out what has not wholly arrived."""
    until_s = CLOCK.now_s() - ARRIVAL_S if going_on else None
    return [
        over_time(document, until_s),
        arrivals.rates(document, until_s),
        handover_arms(document),
        speed.percentiles(document),
        load_curve.bands(document),
        heat_map.squares(document),
    ]


def over_time(document: RunDocument, until_s: float | None = None) -> Series:
    """Quality, load, and latency of searches, by slot of the timeline; times in Unix ms."""
    timeline = document.timeline
    slots = [
        slot for slot in timeline.slots if until_s is None or slot.time + timeline.slot_s <= until_s
    ]
    data = {name: [read(slot) for slot in slots] for name, read in COLUMNS.items()}
    ends = {PACES: _above(data["requests_per_s"]), CROWD: _above(data["users"])}
    return Series(TIME, data, ends=ends, others={SILENCES: edges_ms(document.silences)})


def _above(values: list[float]) -> float:
    """The upper end of an axis from 0 that has room for all values."""
    return 1.15 * max((value for value in values if isfinite(value)), default=0) or 1.0


def _arm(arm: str, read: Callable[[SlotArm], float | None]) -> Callable[[TimelineSlot], float]:
    return lambda slot: _or_gap(read(slot.handover[arm]))


def _percentile(key: str) -> Callable[[TimelineSlot], float]:
    return lambda slot: drawable(getattr(slot.latency.get(SEARCH, SlotLatency()), key))


def _requests_per_s(slot: TimelineSlot) -> float:
    return _or_gap(pace(slot.steps, slot.seconds))


def _or_gap(value: float | None) -> float:
    return GAP if value is None else value


COLUMNS: Mapping[str, Callable[[TimelineSlot], float]] = {
    "time": lambda slot: slot.time * 1000,
    "users": lambda slot: _or_gap(slot.users),
    "requests_per_s": _requests_per_s,
    "determinism": lambda slot: _or_gap(slot.determinism.mean_jaccard),
    "determinism_n": lambda slot: slot.determinism.pairs,
    "memory": _arm("memory", lambda arm: arm.top1_rate),
    "memory_n": _arm("memory", lambda arm: arm.queries),
    "control": _arm("control", lambda arm: arm.top1_rate),
    "control_n": _arm("control", lambda arm: arm.queries),
    **{key: _percentile(key) for key in PERCENTILES},
}
