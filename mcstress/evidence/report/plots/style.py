"""What all plots share: what they show apart from how, size, colours, text that stays text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from bokeh.models import Axis, FixedTicker, NumeralTickFormatter
from bokeh.models.annotations import Legend
from bokeh.plotting import figure

BLUE, ORANGE, GREEN, RED = "#3b7dd8", "#dd8438", "#2f9e77", "#d0504a"
PURPLE, TEAL, PINK, GREY = "#8a63c9", "#3aa6b9", "#c9629b", "#808893"
WHITE = "#ffffff"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, TEAL, PINK, RED, GREY)
LEAST_MS = 0.001
"""A logarithmic axis has no zero: what is quicker than a microsecond stands here."""


RANGE, REVERSED, PLOT = " range", " reversed", " plot"
"""What a plot's models are named: the series' name (its ColumnDataSource), and these after it."""


class Series(msgspec.Struct, frozen=True):
    """Columns of one length; a gap is NaN. The report draws it once, the live page anew each time.

    ``factors`` are the names along an axis, RANGE in their order and REVERSED against it. ``ends``
    are the upper ends of other ranges, by what their names have after the series'.
    ``others`` are the columns of further sources, by what their names have after the series'.
    ``height`` and ``min_width`` are the PLOT's, in pixels, where they depend on what is shown.
    """

    name: str
    data: dict[str, list[Any]]
    factors: list[Any] = []
    ends: dict[str, float] = {}
    others: dict[str, dict[str, list[Any]]] = {}
    height: int | None = None
    min_width: int | None = None


def chart(height: int | None = 280, **options: Any) -> figure:
    """An empty plot as wide as the page, without tools but for the hovering."""
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        toolbar_location=None,
        tools="",
        min_border_right=12,
        **options,
    )
    plot.xgrid.visible = False
    for axis in plot.axis:
        axis.axis_label_text_font_style = "normal"
        axis.minor_tick_line_color = None
    return plot


def log_ticks(axis: Axis, steps: Sequence[int] = (1, 3)) -> None:
    """Ticks of a logarithmic axis at ``steps`` of each decade, written as plain numbers.

    Bokeh's own are linear over less than two decades; at 1, 2 and 5 they collide in a small plot.
    """
    decades = range(-3, 7)
    axis.ticker = FixedTicker(ticks=[step * 10.0**decade for decade in decades for step in steps])
    axis.formatter = NumeralTickFormatter(format="0,0.[000]")


def legend_above(plot: figure, columns: int = 3) -> None:
    """Put the plot's legend above it; a click on a name there fades what it names."""
    legend: Legend = plot.legend[0]
    legend.update(
        orientation="horizontal",
        ncols=columns,
        border_line_color=None,
        padding=2,
        spacing=12,
        label_text_font="system-ui, sans-serif",
        label_text_font_size="12px",
        # Bokeh's own are for white paper; these stand on dark as well.
        label_text_color=GREY,
        background_fill_color=None,
        inactive_fill_color=GREY,
        inactive_fill_alpha=0.35,
        click_policy="mute",
    )
    plot.add_layout(legend, "above")


def plain(text: str) -> str:
    """``text`` without what Bokeh would take for TeX, and fetch a library for."""
    return text.replace("$$", "$ $").replace("\\[", "\\ [").replace("\\(", "\\ (")


def short_names(names: list[str]) -> dict[str, str]:
    """Each name by as few of its leading words (``_`` apart) as tell it from the others."""
    most = max((len(name.split("_")) for name in names), default=1)
    for words in range(1, most):
        short = ["_".join(name.split("_")[:words]) for name in names]
        if len(set(short)) == len(set(names)):
            return dict(zip(names, short, strict=True))
    return {name: name for name in names}


def drawable(value_ms: float | None) -> float:
    """A latency on a logarithmic axis; NaN, a gap, where there is none."""
    return float("nan") if value_ms is None else max(value_ms, LEAST_MS)
