"""What all plots share: what they show apart from how, size, colours, text that stays text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, floor, isfinite, log10
from typing import Any, Literal

import msgspec
from bokeh.models import (
    Axis,
    BoxZoomTool,
    CategoricalAxis,
    FixedTicker,
    HoverTool,
    NoOverlap,
    NumeralTickFormatter,
    ResetTool,
    SaveTool,
)
from bokeh.models.annotations import Legend
from bokeh.plotting import figure

BLUE, ORANGE, GREEN, RED = "#3b7dd8", "#dd8438", "#2f9e77", "#d0504a"
PURPLE, TEAL, PINK, GREY = "#8a63c9", "#3aa6b9", "#c9629b", "#808893"
WHITE = "#ffffff"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, TEAL, PINK, RED, GREY)
LEAST_MS = 0.001
"""A logarithmic axis has no zero: what is quicker than a microsecond stands here."""


RANGE, REVERSED, PLOT, TICKS = " range", " reversed", " plot", " ticks"
"""What a plot's models are named: the series' name (its ColumnDataSource), and these after it."""


class Series(msgspec.Struct, frozen=True):
    """Columns of one length; a gap is NaN. The report draws it once, the live page anew each time.

    ``factors`` are the names along an axis, RANGE in their order and REVERSED against it. ``ends``
    are the upper ends of other ranges, by what their names have after the series'.
    ``others`` are the columns of further sources, by what their names have after the series'.
    ``ticks`` are those of logarithmic axes, by what their tickers' names have after the series'.
    ``height`` and ``min_width`` are the PLOT's, in pixels, where they depend on what is shown.
    """

    name: str
    data: dict[str, list[Any]]
    factors: list[Any] = []
    ends: dict[str, float] = {}
    others: dict[str, dict[str, list[Any]]] = {}
    ticks: dict[str, list[float]] = {}
    height: int | None = None
    min_width: int | None = None


Zoom = Literal["width", "height", "both"]


def chart(height: int | None = 280, *, zoom: Zoom = "both", **options: Any) -> figure:
    """An empty plot as wide as the page: one drags to zoom, can reset that, and save a PNG."""
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        toolbar_location="right",
        tools=[BoxZoomTool(dimensions=zoom), ResetTool(), SaveTool()],
        min_border_right=12,
        **options,
    )
    plot.toolbar.update(logo=None, autohide=True)
    plot.xgrid.visible = False
    for axis in plot.axis:
        axis.axis_label_text_font_style = "normal"
        axis.minor_tick_line_color = None
        if not isinstance(axis, CategoricalAxis):
            axis.major_label_policy = NoOverlap()
    return plot


MOMENT = ("UTC", "@time{%Y-%m-%d %H:%M:%S}")


def hover(renderers: Sequence[Any], tooltips: Sequence[tuple[str, str]]) -> HoverTool:
    """What the mouse shows over a plot of moments; the column ``time`` has them, in ms."""
    shown = [MOMENT, *tooltips]
    return HoverTool(renderers=[*renderers], tooltips=shown, formatters={"@time": "datetime"})


_STEPS = (
    (1.6, (1, 2, 3, 5, 7)),
    (2.6, (1, 2, 5)),
    (4.0, (1, 3)),
    (9.0, (1,)),
)
"""Ticks of a decade by the number of decades that an axis spans at most."""
_LINEAR_DECADES = 0.7
_TICKS = 5


def log_ticks(axis: Axis, ticks: Sequence[float], name: str = "") -> None:
    """Put ``ticks`` on a logarithmic axis, written as plain numbers; ``name`` is the ticker's.

    Bokeh's own are linear over less than two decades, and leave most of such an axis bare.
    """
    axis.ticker = FixedTicker(ticks=[*ticks], name=name or None)
    axis.formatter = NumeralTickFormatter(format="0,0.[000]")


def ticks_over(values: Iterable[float | None]) -> list[float]:
    """Ticks that one can read a logarithmic axis by, of which ``values`` are drawn: at least four.

    Over less than five times they are round numbers at equal distances, else round ones of every
    decade. Gaps and what is not positive count for nothing.
    """
    there = [value for value in values if value is not None and isfinite(value) and value > 0]
    low, high = (min(there), max(there)) if there else (1.0, 10.0)
    if log10(high / low) < _LINEAR_DECADES:
        return _evenly(low, high)
    steps = next((few for most, few in _STEPS if log10(high / low) <= most), (1,))
    decades = range(floor(log10(low)) - 1, ceil(log10(high)) + 1)
    return [step * 10.0**decade for decade in decades for step in steps]


def _evenly(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 of a power of ten, from below ``low`` to above ``high``."""
    least = max(high - low, low / 10) / _TICKS / 2
    power = 10.0 ** floor(log10(least))
    step = next(one * power for one in (1, 2, 5, 10) if one * power >= least)
    first, last = floor(low / step) - 1, ceil(high / step) + 1
    return [number * step for number in range(max(first, 1), last + 1)]


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
