"""What the page's plots show now, as columns for plots that were drawn long before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite

import msgspec

from mcstress.evidence.report.plots import arrivals, heat_map, load_curve, moments, speed
from mcstress.evidence.report.plots.over_time import SILENCES, edges_ms
from mcstress.evidence.report.plots.quality import handover_arms
from mcstress.evidence.report.plots.style import TICKS, Series, drawable, ticks_over
from mcstress.evidence.report.sections.load import SEARCH
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.load_curve import pace
from mcstress.metrics.results import SlotArm, SlotLatency, TimelineSlot
from mcstress.services.steady_clock import CLOCK

TIME = "time"
PACES, CROWD = " requests per second", " users"
"""The ranges of the plot of load."""
PERCENTILES = ("p50_ms", "p95_ms", "p99_ms")
ARRIVAL_S = 2.0
"""How long a worker's figures may be under way: a slot younger than that is not whole yet."""

GAP = float("nan")


def all_series(document: RunDocument, *, going_on: bool) -> list[Series]:
    """One for each plot; ``going_on`` leaves out what has not wholly arrived."""
    until_s = CLOCK.now_s() - ARRIVAL_S if going_on else None
    arrived = document if until_s is None else until(document, until_s)
    return [
        over_time(arrived),
        moments.failures(arrived),
        moments.lanes(arrived),
        moments.spread(arrived),
        arrivals.rates(document, until_s),
        handover_arms(document),
        speed.percentiles(document),
        load_curve.bands(document),
        heat_map.squares(document),
    ]


def until(document: RunDocument, until_s: float) -> RunDocument:
    """The document without the slots of the timeline that end later."""
    timeline = document.timeline
    slots = [slot for slot in timeline.slots if slot.time + timeline.slot_s <= until_s]
    return msgspec.structs.replace(
        document, timeline=msgspec.structs.replace(timeline, slots=slots)
    )


def over_time(document: RunDocument) -> Series:
    """Quality, load, and latency of searches, by slot of the timeline; times in Unix ms."""
    slots = document.timeline.slots
    data = {name: [read(slot) for slot in slots] for name, read in COLUMNS.items()}
    ends = {PACES: _above(data["requests_per_s"]), CROWD: _above(data["users"])}
    ticks = {TICKS: ticks_over(value for key in PERCENTILES for value in data[key])}
    others = {SILENCES: edges_ms(document.silences)}
    return Series(TIME, data, ends=ends, others=others, ticks=ticks)


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
