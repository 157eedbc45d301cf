"""Rates and means with their 95 % intervals, beside the range that is healthy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from bokeh.models import ColumnDataSource, FactorRange, HoverTool
from bokeh.models.annotations import TeeHead, Whisker
from bokeh.plotting import figure

from mcstress.evidence.report.plots.style import BLUE, GREY, ORANGE, RANGE, Series, chart


class Estimate(msgspec.Struct, frozen=True):
    """A value in [0, 1] with its interval, under a name; ``limit`` is the edge of its range."""

    name: Any
    value: float
    ci95: Sequence[float]
    colour: str = BLUE
    limit: float | None = None


def intervals(estimates: Sequence[Estimate]) -> figure | None:
    """A dot and a line each, the first on top; a bar stands at the edge of the healthy range."""
    if not estimates:
        return None
    source = ColumnDataSource(columns(estimates))
    names = [one.name for one in reversed(estimates)]
    plot = chart(70 + 34 * len(names), y_range=FactorRange(factors=names), x_range=(-0.01, 1.02))
    limits = {one.name: one.limit for one in estimates if one.limit is not None}
    plot.scatter(
        [*limits.values()],
        [*limits],
        marker="dash",
        size=22,
        angle=1.5708,
        line_width=2,
        color=ORANGE,
    )
    plot.segment("low", "name", "high", "name", source=source, color="colour", line_width=3)
    dots = plot.scatter("value", "name", source=source, size=10, color="colour")
    plot.add_tools(_hover(dots))
    plot.ygrid.visible = False
    plot.xgrid.visible = True
    return plot


def bars(shown: Series) -> figure:
    """A bar with a whisker each, under names of one word or two (group, word)."""
    source = ColumnDataSource(shown.data, name=shown.name)
    names = FactorRange(factors=shown.factors, name=shown.name + RANGE, group_padding=0.6)
    plot = chart(260, x_range=names, y_range=(-0.02, 1.05))
    drawn = plot.vbar(x="name", top="value", source=source, width=0.6, color="colour", alpha=0.5)
    plot.scatter("name", "value", source=source, size=7, color="colour")
    head = TeeHead(size=8, line_color=GREY)
    ends: dict[str, Any] = {"upper": "high", "lower": "low", "source": source}
    plot.add_layout(Whisker(base="name", line_color=GREY, upper_head=head, lower_head=head, **ends))
    plot.add_tools(_hover(drawn))
    plot.xaxis[0].update(separator_line_color=None)
    return plot


def columns(estimates: Sequence[Estimate]) -> dict[str, list[Any]]:
    """The estimates as a plot's columns."""
    return {
        "name": [one.name for one in estimates],
        "value": [one.value for one in estimates],
        "low": [one.ci95[0] for one in estimates],
        "high": [one.ci95[1] for one in estimates],
        "colour": [one.colour for one in estimates],
    }


def _hover(drawn: Any) -> HoverTool:
    interval = "@low{0.000} to @high{0.000}"
    return HoverTool(
        renderers=[drawn],
        tooltips=[("", "@name"), ("value", "@value{0.000}"), ("95 % interval", interval)],
    )
