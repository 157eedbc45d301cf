"""The load curve: quality and latency by band of concurrent users."""

from __future__ import annotations

from typing import Any

from bokeh.layouts import column
from bokeh.models import ColumnDataSource, FactorRange, HoverTool
from bokeh.models.annotations import Whisker
from bokeh.models.ui import UIElement
from bokeh.plotting import figure

from mcstress.evidence.report.plots.speed import MARKS
from mcstress.evidence.report.plots.style import (
    COLOURS,
    RANGE,
    TICKS,
    Series,
    chart,
    drawable,
    legend_above,
    log_ticks,
    ticks_over,
)
from mcstress.evidence.report.sections.load import SEARCH, load_of
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.results import LoadBand, Percentiles

NAME = "load_curve"
_QUALITY: dict[str, tuple[str, str, str]] = {
    "determinism": ("determinism", "mean_jaccard", "ci95"),
    "same role": ("diversity.same_role_across_contracts", "mean_jaccard", "ci95"),
    "memory": ("handover.verbatim", "top1_rate", "ci95"),
    "control": ("handover.verbatim", "control_top1_rate", "control_ci95"),
    "freshness": ("freshness", "visible_rate", "visible_ci95"),
}
_GAP = float("nan")
_APART = 0.04
"""Between the figures of one band, by its width: no interval must cover another's."""


def load_curve(document: RunDocument) -> UIElement | None:
    """Quality above, latency of searches below, over the same bands of users."""
    shown = bands(document)
    return draw(shown) if shown.factors else None


def bands(document: RunDocument) -> Series:
    """A row for every band of users, with each figure's value and interval."""
    curve = document.bands
    users = [load_of(band) for band in curve]
    data: dict[str, list[Any]] = {"users": users}
    for number, place in enumerate(_QUALITY.values()):
        data[f"at_{number}"] = [(name, _APART * (number - len(_QUALITY) // 2)) for name in users]
        found = [_estimate(band, *place) for band in curve]
        for name, values in zip(("value", "low", "high"), range(3), strict=True):
            data[f"{name}_{number}"] = [estimate[values] for estimate in found]
    searches = [band.latency.steps.get(SEARCH, Percentiles()) for band in curve]
    for key in MARKS:
        data[key] = [drawable(getattr(search, key)) for search in searches]
    ticks = {TICKS: ticks_over(value for key in MARKS for value in data[key])}
    return Series(NAME, data, users, ticks=ticks)


def _estimate(band: LoadBand, path: str, value: str, ci95: str) -> tuple[float, float, float]:
    found: Any = band.figures
    for key in path.split("."):
        found = found[key]
    # A document of an older version may lack the figure.
    return (_GAP, _GAP, _GAP) if found.get(value) is None else (found[value], *found[ci95])


def draw(shown: Series) -> UIElement:
    """Both plots, one above the other."""
    source = ColumnDataSource(shown.data, name=NAME)
    users = FactorRange(factors=shown.factors, name=NAME + RANGE)
    quality = chart(300, x_range=users, y_range=(-0.02, 1.05))
    for (number, name), colour in zip(enumerate(_QUALITY), COLOURS, strict=False):
        _quality(quality, source, number, name, colour)
    legend_above(quality)
    return column(quality, _latency(source, users, shown.ticks[TICKS]), sizing_mode="stretch_width")


def _quality(plot: figure, source: ColumnDataSource, number: int, name: str, colour: str) -> None:
    at, value, low, high = (f"{column}_{number}" for column in ("at", "value", "low", "high"))
    style: dict[str, Any] = {"source": source, "color": colour, "legend_label": name}
    plot.line(at, value, line_width=2, muted_alpha=0.1, **style)
    dots = plot.scatter(at, value, size=8, muted_alpha=0.1, **style)
    ends: dict[str, Any] = {"upper": high, "lower": low, "source": source}
    heads: dict[str, Any] = {"upper_head": None, "lower_head": None}
    plot.add_layout(Whisker(base=at, line_color=colour, line_alpha=0.45, **ends, **heads))
    interval = ("95 % interval", f"@{low}{{0.000}} to @{high}{{0.000}}")
    tooltips = [(name, f"@{value}{{0.000}}"), interval, ("load", "@users")]
    plot.add_tools(HoverTool(renderers=[dots], tooltips=tooltips))


def _latency(source: ColumnDataSource, users: FactorRange, ticks: list[float]) -> figure:
    plot = chart(230, x_range=users, y_axis_type="log", y_axis_label="matrix.search, ms")
    plot.xaxis.axis_label = "concurrent users, or events offered a second"
    log_ticks(plot.yaxis[0], ticks, NAME + TICKS)
    for (key, (_, label)), colour in zip(MARKS.items(), COLOURS, strict=False):
        style: dict[str, Any] = {"source": source, "color": colour, "legend_label": label}
        plot.line("users", key, line_width=2, **style)
        plot.scatter("users", key, size=8, **style)
    legend_above(plot)
    return plot
