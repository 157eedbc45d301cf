"""Every pair of cells (contract, role): how alike their baseline lists are."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource, FactorRange, HoverTool
from bokeh.plotting import figure

from mcstress.evidence.report.plots.style import (
    BLUE,
    GREY,
    PLOT,
    RANGE,
    REVERSED,
    WHITE,
    Series,
    chart,
    plain,
    short_names,
)
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.results import Cell, CellPair

MOST_CELLS = 36
"""A larger map is no longer read, and its file grows with the square."""

NAME = "heat_map"
_FAINTEST, _DARK = 0.04, 0.5


def heat_map(document: RunDocument) -> figure | None:
    """The map as a plot; the darker, the more people two cells share."""
    shown = squares(document)
    return draw(shown) if shown.factors else None


def squares(document: RunDocument) -> Series:
    """A square for every pair, both ways round."""
    pairs = document.heat_map.pairs
    cells = document.heat_map.cells[:MOST_CELLS] if pairs else []
    names = factors(cells)
    shown = [pair for pair in pairs if max(pair.a, pair.b) < len(cells)]
    # Both halves are drawn: a reader looks along a row.
    both = [(pair, *ends) for pair in shown for ends in _both_ways(pair)]
    data: dict[str, list[Any]] = {
        "x": [names[x] for _, x, _ in both],
        "y": [names[y] for _, _, y in both],
        "value": [pair.mean_jaccard for pair, _, _ in both],
        "alpha": [max(pair.mean_jaccard, _FAINTEST) for pair, _, _ in both],
        "ink": [WHITE if pair.mean_jaccard > _DARK else GREY for pair, _, _ in both],
        "label": [f"{pair.mean_jaccard:.2f}" for pair, _, _ in both],
        "pairs": [pair.pairs for pair, _, _ in both],
    }
    height, min_width = 140 + 30 * len(cells), 150 + 44 * len(cells)
    return Series(NAME, data, names, height=height, min_width=min_width)


def draw(shown: Series) -> figure:
    """The plot of squares."""
    source = ColumnDataSource(shown.data, name=NAME)
    spaces: dict[str, Any] = {"range_padding": 0.01, "group_padding": 0.4}
    plot = chart(
        height=shown.height,
        min_width=shown.min_width,
        x_range=FactorRange(factors=shown.factors, name=NAME + RANGE, **spaces),
        y_range=FactorRange(factors=shown.factors[::-1], name=NAME + REVERSED, **spaces),
        name=NAME + PLOT,
    )
    square = plot.rect("x", "y", 0.96, 0.94, source=source, color=BLUE, alpha="alpha")
    text: dict[str, Any] = {
        "text_align": "center",
        "text_baseline": "middle",
        "text_font_size": "11px",
    }
    plot.text("x", "y", "label", source=source, color="ink", **text)
    plot.add_tools(
        HoverTool(
            renderers=[square],
            tooltips=[
                ("cells", "@x and @y"),
                ("mean Jaccard", "@value{0.000}"),
                ("pairs", "@pairs"),
            ],
        )
    )
    return _finished(plot)


def factors(cells: list[Cell]) -> list[tuple[str, str]]:
    """The axis' names, by contract and role, contracts shortened as far as they stay apart."""
    short = short_names([cell.contract for cell in cells])
    return [(plain(short[cell.contract]), plain(cell.role)) for cell in cells]


def _both_ways(pair: CellPair) -> list[tuple[int, int]]:
    return [(pair.a, pair.b), (pair.b, pair.a)]


def _finished(plot: figure) -> figure:
    plot.xaxis.major_label_orientation = 1.0
    plot.grid.visible = False
    plot.axis.axis_line_color = None
    plot.axis.major_tick_line_color = None
    for axis in plot.axis:
        axis.update(separator_line_color=None)
    return plot
