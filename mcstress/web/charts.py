"""The page's plots, drawn once and empty: building one takes longer than a request may wait.

The page fills them with what web_series.py gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from bokeh.embed import json_item
from bokeh.layouts import column
from bokeh.models import (
    ColumnDataSource,
    DataRange1d,
    DatetimeTicker,
    LinearAxis,
    LinearScale,
    Range1d,
)
from bokeh.models.ui import UIElement
from bokeh.plotting import figure

from mcstress.evidence.report.plots import arrivals, heat_map, load_curve, moments, speed
from mcstress.evidence.report.plots.intervals import bars
from mcstress.evidence.report.plots.over_time import SILENCES
from mcstress.evidence.report.plots.quality import handover_arms
from mcstress.evidence.report.plots.style import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    ORANGE,
    TICKS,
    Series,
    chart,
    hover,
    legend_above,
    log_ticks,
)
from mcstress.evidence.run_document import RunDocument
from mcstress.web.series import CROWD, PACES, PERCENTILES, TIME, over_time

QUALITY: Mapping[str, tuple[str, str]] = {
    "determinism": ("determinism", BLUE),
    "memory": ("memory", GREEN),
    "control": ("control", GREY),
}


class Chart(msgspec.Struct, frozen=True):
    """A plot of the page, filled by the series of its ``name``; ``item`` is Bokeh's JSON."""

    name: str
    title: str
    caption: str
    item: dict[str, Any]


def empty_charts() -> list[Chart]:
    """All of them, in the page's order."""
    return [
        _empty(
            over_time,
            draw_over_time,
            "Quality over time, beside the load",
            "Above: mean Jaccard of the reissues, hits of handover at top-1 by arm. Middle: users "
            "(grey), requests a second. Below: latency of matrix.search, ms. Shaded red: nothing "
            "of the gateway succeeded.",
        ),
        _empty(
            moments.failures,
            moments.draw_failures,
            "Failed steps a second, by reason",
            "The commonest reasons, one upon the other. Shaded: nothing of the gateway succeeded.",
        ),
        _empty(
            moments.lanes,
            moments.draw_lanes,
            "Events by phase",
            "The fuller the colour, the more; red where more than 1 % were not whole.",
        ),
        _empty(
            moments.spread,
            moments.draw_spread,
            "How long searches took",
            "Each moment's searches by latency: the fuller the colour, the larger a share of them.",
        ),
        _empty(
            arrivals.rates,
            arrivals.draw,
            "Offered and done over time",
            "Arrivals a second as the schedule offers them (dashed), events that began, and "
            "arrivals that were missed or cut.",
        ),
        _empty(
            handover_arms,
            bars,
            "Handover hits by arm",
            "Recorded answers found at top-1, with the memory and without, with 95 % intervals.",
        ),
        _empty(
            speed.percentiles,
            speed.draw_steps,
            "Latency by step",
            "Percentiles (only where there are enough samples); the line ends at the maximum.",
        ),
        _empty(
            load_curve.bands,
            load_curve.draw,
            "Load curve",
            "Quality with its 95 % intervals above, latency of searches below, by users. Memory "
            "and control: handover hits in the same wording, by arm.",
        ),
        _empty(
            heat_map.squares,
            heat_map.draw,
            "Which needs share hits",
            "Mean Jaccard of every two cells (contract, role): the fuller the colour, the more "
            "they share.",
        ),
    ]


def _empty(
    read: Callable[[RunDocument], Series],
    draw: Callable[[Series], UIElement],
    title: str,
    caption: str,
) -> Chart:
    nothing = read(RunDocument())
    return Chart(nothing.name, title, caption, dict(json_item(draw(nothing))))


def draw_over_time(shown: Series) -> UIElement:
    """Three plots over one axis of time."""
    source = ColumnDataSource(shown.data, name=TIME)
    times = DataRange1d(range_padding=0.02, default_span=10_000)
    latency = _latency(source, times, shown.ticks[TICKS])
    plots = [_quality(source, times), _load(source, times), latency]
    silences = ColumnDataSource(shown.others[SILENCES], name=TIME + SILENCES)
    for plot in plots:
        moments.shade(plot, silences)
    return column(*plots, sizing_mode="stretch_width")


def _quality(source: ColumnDataSource, times: DataRange1d) -> figure:
    plot = _over(times, 240, y_range=(-0.02, 1.05))
    for name, (label, colour) in QUALITY.items():
        style: dict[str, Any] = {"source": source, "color": colour, "legend_label": label}
        plot.line("time", name, line_width=2, **style)
        dots = plot.scatter("time", name, size=5, **style)
        tooltips = [(label, f"@{name}{{0.000}}"), ("samples", f"@{name}_n"), ("users", "@users")]
        plot.add_tools(hover([dots], tooltips))
    legend_above(plot)
    return plot


def _load(source: ColumnDataSource, times: DataRange1d) -> figure:
    paces, crowd = (Range1d(start=0, end=1, name=TIME + name) for name in (PACES, CROWD))
    plot = _over(times, 170, y_axis_label="requests/s", y_range=paces)
    plot.extra_y_ranges = {"users": crowd}
    plot.extra_y_scales = {"users": LinearScale()}
    axis = LinearAxis(y_range_name="users", axis_label="users")
    axis.update(axis_label_text_font_style="normal", minor_tick_line_color=None)
    plot.add_layout(axis, "right")
    plot.varea_step(
        "time",
        0,
        "users",
        step_mode="after",
        source=source,
        y_range_name="users",
        color=GREY,
        alpha=0.18,
        legend_label="users",
    )
    style: dict[str, Any] = {"source": source, "color": ORANGE, "legend_label": "requests/s"}
    plot.line("time", "requests_per_s", line_width=2, **style)
    dots = plot.scatter("time", "requests_per_s", size=4, **style)
    tooltips = [("requests/s", "@requests_per_s{0.0}"), ("users", "@users{0.[0]}")]
    plot.add_tools(hover([dots], tooltips))
    legend_above(plot)
    return plot


def _latency(source: ColumnDataSource, times: DataRange1d, ticks: list[float]) -> figure:
    plot = _over(times, 240, y_axis_type="log", y_axis_label="ms")
    log_ticks(plot.yaxis[0], ticks, TIME + TICKS)
    for key, colour in zip(PERCENTILES, COLOURS, strict=False):
        label = speed.MARKS[key][1]
        style: dict[str, Any] = {"source": source, "color": colour, "legend_label": label}
        plot.line("time", key, line_width=2, **style)
        dots = plot.scatter("time", key, size=4, **style)
        tooltips = [(label, f"@{key}{{0.00}} ms"), ("users", "@users{0.[0]}")]
        plot.add_tools(hover([dots], tooltips))
    legend_above(plot)
    return plot


def _over(times: DataRange1d, height: int, **options: Any) -> figure:
    """A plot whose left edge stands where that of the others does."""
    plot = chart(height, zoom="width", x_axis_type="datetime", x_range=times, **options)
    plot.min_border_left = 64
    plot.xaxis.ticker = DatetimeTicker(desired_num_ticks=3)
    return plot
