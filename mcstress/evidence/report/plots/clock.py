"""Plots over the scenario's hours: a lane for each phase, and response and quality beside users."""

from __future__ import annotations

from typing import Any

import msgspec
from bokeh.models import ColumnDataSource, FactorRange, FixedTicker, HoverTool, LinearAxis, Range1d
from bokeh.models.scales import LinearScale
from bokeh.plotting import figure
from msgspec import UNSET

from mcstress.evidence.document_parts import ClockNote
from mcstress.evidence.report import formatting
from mcstress.evidence.report.plots.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    chart,
    drawable,
    legend_above,
    log_ticks,
    ticks_over,
)
from mcstress.evidence.report.sections.clock import in_order
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.appointments import by_slot, lanes
from mcstress.metrics.number_format import shown_hour
from mcstress.metrics.results import Percentiles

MOST_SLOTS = 96
FAINTEST = 0.25
TICKS = 9


def timeline(document: RunDocument) -> figure | None:
    """Appointments by phase and hour: the darker, the more; red where one was not done."""
    note, rows = document.run.clock, document.appointments or []
    if note is UNSET or not rows:
        return None
    width_h = _width_h(note)
    found = lanes(rows, width_h)
    phases = in_order(found)
    most = {phase: max(one.offered for one in found[phase].values()) for phase in phases}
    cells: dict[str, list[Any]] = {"hour": [], "lane": [], "alpha": [], "color": [], "told": []}
    for phase in phases:
        for slot, counted in found[phase].items():
            cells["hour"].append((slot + 0.5) * width_h)
            cells["lane"].append(formatting.spaced(phase))
            share = counted.offered / most[phase]
            cells["alpha"].append(FAINTEST + (1 - FAINTEST) * share)
            cells["color"].append(RED if counted.not_done else BLUE)
            lacking = f", {counted.not_done} not done" if counted.not_done else ""
            cells["told"].append(f"{shown_hour(slot * width_h)}: {counted.offered}{lacking}")
    lanes_down = [formatting.spaced(phase) for phase in reversed(phases)]
    plot = _over_hours(note, 60 + 26 * len(phases), y_range=FactorRange(factors=lanes_down))
    drawn = plot.rect(
        "hour", "lane", width=width_h, height=0.8, source=ColumnDataSource(cells),
        fill_color="color", fill_alpha="alpha", line_color=None,
    )  # fmt: skip
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=[("", "@lane"), ("", "@told")]))
    plot.ygrid.visible = False
    return plot


def by_hour(document: RunDocument) -> figure | None:
    """Response by hour of the appointments' times; determinism and users of the same hours."""
    note, rows = document.run.clock, document.appointments or []
    if note is UNSET or not rows:
        return None
    width_h = _width_h(note)
    summaries = {
        slot: msgspec.convert(summary, Percentiles)
        for slot, summary in by_slot(rows, width_h).items()
    }
    data: dict[str, list[Any]] = {
        "hour": [(slot + 0.5) * width_h for slot in summaries],
        "p50": [drawable(one.p50_ms or one.max_ms) for one in summaries.values()],
        "max": [
            drawable(one.max_ms or one.at_least_ms.get("max_ms")) for one in summaries.values()
        ],
        "told": [shown_hour(slot * width_h) for slot in summaries],
    }
    plot = _over_hours(note, 300, y_axis_type="log", y_axis_label="response, ms")
    log_ticks(plot.yaxis[0], ticks_over(each for key in ("p50", "max") for each in data[key]))
    source = ColumnDataSource(data)
    _users_and_quality(plot, document, note)
    line = plot.line("hour", "p50", source=source, color=BLUE, line_width=2, legend_label="median")
    dots = plot.scatter(
        "hour", "max", source=source, color=ORANGE, size=6, marker="diamond", legend_label="longest"
    )
    tooltips = [("", "@told"), ("median", "@p50{0.0} ms"), ("longest", "@max{0.0} ms")]
    plot.add_tools(HoverTool(renderers=[line, dots], tooltips=tooltips))
    legend_above(plot, columns=4)
    return plot


def _users_and_quality(plot: figure, document: RunDocument, note: ClockNote) -> None:
    """Determinism, 0 to 1, and users as a share of the most, on one axis to the right."""
    slots, half_s = document.timeline.slots, document.timeline.slot_s / 2
    hours = [note.hour_of(slot.time + half_s) for slot in slots]
    plot.extra_y_ranges = {"share": Range1d(start=0, end=1.05)}
    plot.extra_y_scales = {"share": LinearScale()}
    axis = LinearAxis(y_range_name="share", axis_label="determinism; users, share of the most")
    axis.update(axis_label_text_font_style="normal", minor_tick_line_color=None)
    plot.add_layout(axis, "right")
    most = max((slot.users for slot in slots if slot.users), default=0)
    there = [
        (hour, slot.users / most)
        for hour, slot in zip(hours, slots, strict=True)
        if hour is not None and most and slot.users is not None
    ]
    style: dict[str, Any] = {"y_range_name": "share"}
    if there:
        at, users = ([*column] for column in zip(*there, strict=True))
        nothing = [0.0] * len(at)
        plot.varea(at, nothing, users, color=GREY, alpha=0.15, legend_label="users", **style)
    judged = [
        (hour, slot.determinism.mean_jaccard)
        for hour, slot in zip(hours, slots, strict=True)
        if hour is not None and slot.determinism.mean_jaccard is not None
    ]
    if judged:
        at, values = ([*column] for column in zip(*judged, strict=True))
        plot.scatter(at, values, color=GREEN, size=7, legend_label="determinism", **style)


def _width_h(note: ClockNote) -> float:
    """Whole hours where they are few enough; of a short clock, parts of one."""
    return 1.0 if MOST_SLOTS / 4 <= note.hours <= MOST_SLOTS else note.hours / MOST_SLOTS


def _over_hours(note: ClockNote, height: int, **options: Any) -> figure:
    """An empty plot over the clock's hours, written as days and times."""
    plot = chart(height, x_range=Range1d(start=0, end=note.hours), **options)
    step = note.hours / (TICKS - 1)
    ticks = [round(place * step, 6) for place in range(TICKS)]
    plot.xaxis.ticker = FixedTicker(ticks=ticks)
    plot.xaxis.major_label_overrides = {tick: _label(tick) for tick in ticks}
    plot.xgrid.visible = True
    return plot


def _label(hour: float) -> str:
    """``day 2`` at midnight, ``06:00`` else."""
    day, time = shown_hour(hour).split(", ")
    return day if time == "00:00" else time
