"""Plots of latency: over time and by step."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource, FactorRange, HoverTool
from bokeh.plotting import figure

from mcstress.evidence.report.plots.over_time import middles, time_chart
from mcstress.evidence.report.plots.style import (
    COLOURS,
    GREY,
    PLOT,
    REVERSED,
    TICKS,
    Series,
    chart,
    drawable,
    hover,
    legend_above,
    log_ticks,
    plain,
    ticks_over,
)
from mcstress.evidence.report.sections.speed import step_name, steps_of
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.results import SlotLatency, Timeline

MARKS = {"p50_ms": ("circle", "p50"), "p95_ms": ("diamond", "p95"), "p99_ms": ("square", "p99")}
BY_STEP = "by_step"
_NOTHING = SlotLatency()


def over_time(document: RunDocument) -> figure | None:
    """p50 (dots) and p95 (rings) of each step over time, beside the users."""
    timeline = document.timeline
    steps = [*dict.fromkeys(key for slot in timeline.slots for key in slot.latency)]
    if not steps:
        return None
    plot = time_chart(document, 320, min_width=560, y_axis_type="log", y_axis_label="ms")
    shown = (latency for slot in timeline.slots for latency in slot.latency.values())
    log_ticks(
        plot.yaxis[0], ticks_over(one for each in shown for one in (each.p50_ms, each.p95_ms))
    )
    for key, colour in zip(steps, COLOURS, strict=False):
        _step_over_time(plot, key, colour, timeline)
    legend_above(plot)
    return plot


def _step_over_time(plot: figure, key: str, colour: str, timeline: Timeline) -> None:
    name = plain(step_name(key))
    # A slot without the step stays in, as a gap: a line across it would show what nobody measured.
    found = [slot.latency.get(key, _NOTHING) for slot in timeline.slots]
    source = ColumnDataSource(
        {
            "time": middles(timeline),
            "p50": [drawable(latency.p50_ms) for latency in found],
            "p95": [drawable(latency.p95_ms) for latency in found],
            "count": [latency.count for latency in found],
            "step": [name] * len(found),
        }
    )
    style: dict[str, Any] = {"color": colour, "legend_label": name, "muted_alpha": 0.1}
    line = plot.line("time", "p50", source=source, line_width=2, **style)
    plot.scatter("time", "p50", source=source, size=5, **style)
    dots = plot.scatter("time", "p95", source=source, size=6, fill_alpha=0, **style)
    tooltips = [("", "@step"), ("p50", "@p50{0.00} ms"), ("p95", "@p95{0.00} ms"), ("n", "@count")]
    plot.add_tools(hover([line, dots], tooltips))


def by_step(document: RunDocument) -> figure | None:
    """p50, p95, p99 and the largest of each step, on one logarithmic axis."""
    shown = percentiles(document)
    return draw_steps(shown) if shown.factors else None


def percentiles(document: RunDocument) -> Series:
    """Every step's percentiles; NaN where its count cannot carry one."""
    summaries = {
        plain(name): summary for name, summary in steps_of(document.speed).items() if summary.count
    }
    found = summaries.values()
    data: dict[str, list[Any]] = {
        "step": [*summaries],
        "count": [summary.count for summary in found],
        "low": [drawable(summary.p50_ms or summary.max_ms) for summary in found],
        **{
            key: [drawable(getattr(summary, key)) for summary in found]
            for key in (*MARKS, "max_ms")
        },
    }
    ticks = {TICKS: ticks_over([*data["low"], *data["max_ms"]])}
    return Series(BY_STEP, data, [*summaries], height=90 + 34 * len(summaries), ticks=ticks)


def draw_steps(shown: Series) -> figure:
    """The plot of steps."""
    plot = chart(
        shown.height,
        zoom="width",
        name=BY_STEP + PLOT,
        x_axis_type="log",
        x_axis_label="ms",
        y_range=FactorRange(factors=shown.factors[::-1], name=BY_STEP + REVERSED),
    )
    log_ticks(plot.xaxis[0], shown.ticks[TICKS], BY_STEP + TICKS)
    source = ColumnDataSource(shown.data, name=BY_STEP)
    _reach(plot, source)
    for (key, (marker, label)), colour in zip(MARKS.items(), COLOURS, strict=False):
        style: dict[str, Any] = {"marker": marker, "color": colour, "legend_label": label}
        dots = plot.scatter(key, "step", source=source, size=10, **style)
        tooltips = [("", "@step"), (label, f"@{key}{{0.00}} ms"), ("count", "@count")]
        plot.add_tools(HoverTool(renderers=[dots], tooltips=tooltips))
    plot.xgrid.visible = True
    plot.ygrid.visible = False
    legend_above(plot, columns=4)
    return plot


def _reach(plot: figure, source: ColumnDataSource) -> None:
    """A line from each step's lowest percentile to its largest latency."""
    line: dict[str, Any] = {"color": GREY, "source": source}
    plot.segment("low", "step", "max_ms", "step", line_width=2, alpha=0.5, **line)
    end: dict[str, Any] = {"marker": "dash", "angle": 1.5708, "size": 12, "legend_label": "max"}
    plot.scatter("max_ms", "step", **end, **line)
