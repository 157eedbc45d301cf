"""Plots of latency: over time, by step, and by load beside quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bokeh.layouts import column
from bokeh.models import ColumnDataSource, FactorRange, HoverTool
from bokeh.models.annotations import Whisker
from bokeh.models.ui import UIElement
from bokeh.plotting import figure

from evidence.load import users_of
from evidence.plots.quality import users_behind
from evidence.plots.style import COLOURS, GREY, LEAST_MS, chart, legend_above, log_ticks, plain
from evidence.speed import step_name, steps_of

_MARKS = {"p50_ms": ("circle", "p50"), "p95_ms": ("diamond", "p95"), "p99_ms": ("square", "p99")}
_NOTHING = {"p50_ms": None, "p95_ms": None, "count": 0}
_QUALITY: dict[str, tuple[str, str, str]] = {
    "determinism": ("determinism", "mean_jaccard", "ci95"),
    "same role": ("diversity.same_role_across_contracts", "mean_jaccard", "ci95"),
    "handover, her words": ("handover.verbatim", "top1_rate", "ci95"),
    "handover, control": ("handover.verbatim", "control_top1_rate", "control_ci95"),
    "freshness": ("freshness", "top_k_rate", "ci95"),
}


def over_time(document: dict[str, Any]) -> figure | None:
    """p50 (line) and p95 (dots) of each step over time, beside the users."""
    slots = document.get("timeline", {}).get("slots", [])
    steps = [*dict.fromkeys(key for slot in slots for key in slot["latency"])]
    if not steps:
        return None
    plot = chart(320, x_axis_type="datetime", y_axis_type="log", y_axis_label="ms")
    log_ticks(plot.yaxis[0])
    users_behind(plot, slots)
    for key, colour in zip(steps, COLOURS, strict=False):
        _step_over_time(plot, key, colour, slots)
    legend_above(plot)
    return plot


def _step_over_time(plot: figure, key: str, colour: str, slots: list[dict[str, Any]]) -> None:
    name = plain(step_name(key))
    # A slot without the step stays in, as a gap: a line across it would show what nobody measured.
    found = [slot["latency"].get(key, _NOTHING) for slot in slots]
    source = ColumnDataSource(
        {
            "time": [slot["time"] * 1000 for slot in slots],
            "p50": [drawable(latency["p50_ms"]) for latency in found],
            "p95": [drawable(latency["p95_ms"]) for latency in found],
            "count": [latency["count"] for latency in found],
            "step": [name] * len(found),
        }
    )
    style: dict[str, Any] = {"color": colour, "legend_label": name, "muted_alpha": 0.1}
    line = plot.line("time", "p50", source=source, line_width=2, **style)
    dots = plot.scatter("time", "p95", source=source, size=5, fill_alpha=0.35, **style)
    tooltips = [("", "@step"), ("p50", "@p50{0.00} ms"), ("p95", "@p95{0.00} ms"), ("n", "@count")]
    plot.add_tools(HoverTool(renderers=[line, dots], tooltips=tooltips))


def by_step(document: dict[str, Any]) -> figure | None:
    """p50, p95, p99 and the largest of each step, on one logarithmic axis."""
    steps = steps_of(document.get("latency", {}))
    steps = {plain(name): summary for name, summary in steps.items() if summary["count"]}
    if not steps:
        return None
    plot = chart(
        90 + 34 * len(steps),
        x_axis_type="log",
        x_axis_label="ms",
        y_range=FactorRange(factors=[*reversed(steps)]),
    )
    log_ticks(plot.xaxis[0])
    _reach(plot, steps)
    for key, (marker, label) in _MARKS.items():
        _percentile(plot, steps, key, marker, label)
    plot.xgrid.visible = True
    plot.ygrid.visible = False
    legend_above(plot)
    return plot


def _reach(plot: figure, steps: Mapping[str, Any]) -> None:
    """A line from each step's lowest percentile to its largest latency."""
    low = [drawable(summary["p50_ms"] or summary["max_ms"]) for summary in steps.values()]
    high = [drawable(summary["max_ms"]) for summary in steps.values()]
    plot.segment(low, [*steps], high, [*steps], color=GREY, line_width=2, alpha=0.5)
    plot.scatter(
        high, [*steps], marker="dash", angle=1.5708, size=12, color=GREY, legend_label="max"
    )


def _percentile(plot: figure, steps: Mapping[str, Any], key: str, marker: str, label: str) -> None:
    known = {name: summary for name, summary in steps.items() if summary[key] is not None}
    if not known:
        return
    source = ColumnDataSource(
        {
            "step": [*known],
            "value": [drawable(summary[key]) for summary in known.values()],
            "count": [summary["count"] for summary in known.values()],
        }
    )
    colour = COLOURS[[*_MARKS].index(key)]
    style: dict[str, Any] = {"marker": marker, "color": colour, "legend_label": label}
    dots = plot.scatter("value", "step", source=source, size=10, **style)
    tooltips = [("", "@step"), (label, "@value{0.00} ms"), ("count", "@count")]
    plot.add_tools(HoverTool(renderers=[dots], tooltips=tooltips))


def load_curve(document: dict[str, Any]) -> UIElement | None:
    """Quality above, latency of searches below, over the same bands of users."""
    bands = document.get("load_curve", [])
    if not bands:
        return None
    names = [users_of(band) for band in bands]
    quality = chart(300, x_range=FactorRange(factors=names), y_range=(-0.02, 1.05))
    for (name, place), colour in zip(_QUALITY.items(), COLOURS, strict=False):
        _quality_by_band(quality, name, place, colour, bands)
    legend_above(quality)
    latency = _latency_by_band(bands, names, quality.x_range)
    return column(quality, latency, sizing_mode="stretch_width")


def _quality_by_band(
    plot: figure, name: str, place: tuple[str, str, str], colour: str, bands: list[dict[str, Any]]
) -> None:
    path, value, ci95 = place
    found = [(users_of(band), _at(band, path)) for band in bands]
    known = [(users, part) for users, part in found if part[value] is not None]
    source = ColumnDataSource(
        {
            "users": [users for users, _ in known],
            "value": [part[value] for _, part in known],
            "low": [part[ci95][0] for _, part in known],
            "high": [part[ci95][1] for _, part in known],
            "figure": [name] * len(known),
        }
    )
    style: dict[str, Any] = {
        "source": source,
        "color": colour,
        "legend_label": name,
        "muted_alpha": 0.1,
    }
    plot.line("users", "value", line_width=2, **style)
    dots = plot.scatter("users", "value", size=8, **style)
    ends: dict[str, Any] = {"upper": "high", "lower": "low", "source": source}
    heads: dict[str, Any] = {"upper_head": None, "lower_head": None}
    plot.add_layout(Whisker(base="users", line_color=colour, line_alpha=0.45, **ends, **heads))
    interval = ("95 % interval", "@low{0.000} to @high{0.000}")
    tooltips = [("", "@figure"), ("value", "@value{0.000}"), interval, ("users", "@users")]
    plot.add_tools(HoverTool(renderers=[dots], tooltips=tooltips))


def _latency_by_band(bands: list[dict[str, Any]], names: list[str], x_range: Any) -> figure:
    plot = chart(230, x_range=x_range, y_axis_type="log", y_axis_label="matrix.search, ms")
    plot.xaxis.axis_label = "concurrent users"
    log_ticks(plot.yaxis[0])
    for (key, (_, label)), colour in zip(_MARKS.items(), COLOURS, strict=False):
        values = [drawable(band["latency"].get("matrix_search", {}).get(key)) for band in bands]
        style: dict[str, Any] = {"color": colour, "legend_label": label}
        plot.line(names, values, line_width=2, **style)
        plot.scatter(names, values, size=8, **style)
    legend_above(plot)
    return plot


def _at(band: dict[str, Any], path: str) -> dict[str, Any]:
    found: Any = band
    for key in path.split("."):
        found = found[key]
    return dict(found)


def drawable(value_ms: float | None) -> float:
    """A latency on a logarithmic axis; NaN, a gap, where there is none."""
    return float("nan") if value_ms is None else max(value_ms, LEAST_MS)
