"""Plots over time: one axis for all, users behind."""

from __future__ import annotations

from typing import Any

from bokeh.models import LinearAxis, LinearScale, Range1d
from bokeh.models.annotations import BoxAnnotation
from bokeh.plotting import figure

from mcstress.evidence.report.plots.style import GREY, RED, chart
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.availability import Silence
from mcstress.metrics.results import Timeline, TimelineSlot

SHADE = 0.18
"""How strongly a time is shaded in which nothing succeeded."""
_SHORTEST_MS = 5_000
"""A shorter axis would count microseconds."""


SILENCES = " silences"
"""The source of the times in which nothing succeeded, after the series' name."""


def time_chart(document: RunDocument, height: int, **options: Any) -> figure:
    """An empty plot over the run's time: users as a grey step behind it, silences shaded."""
    timeline = document.timeline
    slots, width_ms = timeline.slots, timeline.slot_s * 1000
    start, end = slots[0].time * 1000, slots[-1].time * 1000 + width_ms
    spare = max(0, _SHORTEST_MS - (end - start)) / 2
    x_range = Range1d(start=start - spare, end=end + spare)
    plot = chart(height, zoom="width", x_axis_type="datetime", x_range=x_range, **options)
    _users_behind(plot, slots, width_ms)
    _shade(plot, document.silences)
    return plot


def edges_ms(silences: list[Silence]) -> dict[str, list[float]]:
    """Begin and end of each silence, in ms since 1970, as the axis has them."""
    return {
        "begin": [one.begin * 1000 for one in silences],
        "end": [one.end * 1000 for one in silences],
    }


def _shade(plot: figure, silences: list[Silence]) -> None:
    edges = edges_ms(silences)
    for left, right in zip(edges["begin"], edges["end"], strict=True):
        shade = BoxAnnotation(left=left, right=right, fill_color=RED, fill_alpha=SHADE)
        shade.update(line_color=None, level="underlay")
        plot.add_layout(shade)


def middles(timeline: Timeline) -> list[float]:
    """The middle of each slot, in ms since 1970, as the axis has it."""
    return [(slot.time + timeline.slot_s / 2) * 1000 for slot in timeline.slots]


def _users_behind(plot: figure, slots: list[TimelineSlot], width_ms: float) -> None:
    known = [(slot.time * 1000, slot.users) for slot in slots if slot.users is not None]
    if not known:
        return
    times, users = ([*column] for column in zip(*known, strict=True))
    plot.extra_y_ranges = {"users": Range1d(start=0, end=max(users) * 1.15 or 1)}
    plot.extra_y_scales = {"users": LinearScale()}
    axis = LinearAxis(y_range_name="users", axis_label="users")
    axis.update(axis_label_text_font_style="normal", minor_tick_line_color=None)
    plot.add_layout(axis, "right")
    plot.varea_step(
        [*times, times[-1] + width_ms],
        [0] * (len(known) + 1),
        [*users, users[-1]],
        step_mode="after",
        y_range_name="users",
        color=GREY,
        alpha=0.18,
        legend_label="users",
    )
