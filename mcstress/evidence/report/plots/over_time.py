"""Plots over time: one axis for all, users behind."""

from __future__ import annotations

from typing import Any

from bokeh.models import LinearAxis, LinearScale, Range1d
from bokeh.plotting import figure

from mcstress.evidence.report.plots.style import GREY, chart
from mcstress.metrics.results import Slot, Timeline

_SHORTEST_MS = 5_000
"""A shorter axis would count microseconds."""


def time_chart(timeline: Timeline, height: int, **options: Any) -> figure:
    """An empty plot over the run's time, the users as a grey step behind it."""
    slots, width_ms = timeline.slots, timeline.slot_s * 1000
    start, end = slots[0].time * 1000, slots[-1].time * 1000 + width_ms
    spare = max(0, _SHORTEST_MS - (end - start)) / 2
    x_range = Range1d(start=start - spare, end=end + spare)
    plot = chart(height, x_axis_type="datetime", x_range=x_range, **options)
    _users_behind(plot, slots, width_ms)
    return plot


def middles(timeline: Timeline) -> list[float]:
    """The middle of each slot, in ms since 1970, as the axis has it."""
    return [(slot.time + timeline.slot_s / 2) * 1000 for slot in timeline.slots]


def _users_behind(plot: figure, slots: list[Slot], width_ms: float) -> None:
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
