"""A comparison as one HTML page: what is proven, all changes with intervals, both sides' curves.

As the report's page it asks nothing of a network, and Jinja and Bokeh escape what runs say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from bokeh.embed import components
from bokeh.models import ColumnDataSource, FactorRange, HoverTool, Model
from bokeh.models.annotations import Span
from bokeh.plotting import figure
from jinja2 import Template
from markupsafe import Markup

from mcstress.evidence.compare.comparison import Comparison
from mcstress.evidence.compare.figure import Figure
from mcstress.evidence.compare.render import COLUMNS, LEFT, remarks, row, sides, summary
from mcstress.evidence.report import html as report_page
from mcstress.evidence.report.page_assets import library_tag, page_environment
from mcstress.evidence.report.plots.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    chart,
    drawable,
    legend_above,
    log_ticks,
    plain,
)
from mcstress.evidence.report.sections.load import SEARCH
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.results import LoadBand, Percentiles

TEMPLATES = Path(__file__).with_name("templates")
STYLES = Path(report_page.__file__).with_name("templates")
TONES = {"worse": "bad", "better": "good", "~": "none", "descriptive": "none"}
OUTCOMES = {
    "regression": ("B is worse", "bad"),
    "unknown": ("not everything could be judged", "fair"),
    "none": ("no regression", "good"),
}
_COLOURS = {"worse": RED, "better": GREEN, "~": BLUE, "descriptive": GREY}
_SIDES = (("A", BLUE), ("B", ORANGE))
_PERCENTILES = {"p50_ms": "p50", "p90_ms": "p90", "p95_ms": "p95", "p99_ms": "p99"}
_PERCENT = 100.0

CHANGES = (
    "Change of times and paces, B / A - 1 in %, with 95 % intervals. Red and green: proven worse, "
    "better. Blue: tested, and nothing proven. Grey: not tested."
)
DIFFERENCES = (
    "Change of shares and ratings, B - A, with 95 % intervals, over questions where those were "
    "paired; colours as above."
)
BY_LOAD = (
    "Search latency (p95) by load, each run a line, over the middle of its bands of users, or of "
    "events offered a second."
)

Documents = Sequence[RunDocument]


def html(comparison: Comparison, a: Documents, b: Documents) -> str:
    """The page of a comparison of the runs ``a`` and ``b``."""
    drawn = [(caption, model) for caption, model in _plots(comparison, a, b) if model is not None]
    script, divs = components([model for _, model in drawn]) if drawn else ("", ())
    outcome, tone = OUTCOMES[comparison.outcome]
    return _template().render(
        outcome=outcome,
        tone=tone,
        summary=summary(comparison),
        lost=comparison.lost_checks,
        sides=sides(comparison),
        columns=COLUMNS,
        left=LEFT,
        rows=[(row(one), TONES[one.verdict], one) for one in comparison.figures],
        remarks=remarks(comparison),
        plots=[
            (caption, Markup(div))  # noqa: S704  (Bokeh's own, which escapes the data within)
            for (caption, _), div in zip(drawn, divs, strict=True)
        ],
        script=Markup(script),  # noqa: S704  (likewise)
        library=library_tag("inline") if drawn else "",
    )


def _plots(
    comparison: Comparison, a: Documents, b: Documents
) -> Iterator[tuple[str, Model | None]]:
    relative = [one for one in comparison.figures if one.relative]
    others = [one for one in comparison.figures if not one.relative]
    yield (
        CHANGES,
        _changes(relative, _PERCENT, "%"),
    )
    yield DIFFERENCES, _changes(others, 1.0, "")
    yield "Search latency, each run a line: its percentiles in ms.", _percentiles(a, b)
    yield BY_LOAD, _by_load(a, b, "p95, ms", _p95, log=True)
    yield (
        "Determinism by load, each run a line: mean Jaccard of its reissues.",
        _by_load(a, b, "mean Jaccard", _determinism, log=False),
    )


def _changes(figures: Sequence[Figure], times: float, unit: str) -> figure | None:
    if not figures:
        return None
    shown = figures[::-1]
    names = [one.name for one in shown]
    found = [one.shown for one in shown]
    ends = [one.ci95 or (one.change, one.change) for one in found]
    source = ColumnDataSource(
        {
            "name": names,
            "change": [one.change * times for one in found],
            "low": [low * times for low, _ in ends],
            "high": [high * times for _, high in ends],
            "colour": [_COLOURS[one.verdict] for one in shown],
            "verdict": [one.verdict for one in shown],
        }
    )
    plot = chart(70 + 22 * len(names), y_range=FactorRange(factors=names))
    plot.add_layout(Span(location=0, dimension="height", line_color=GREY, line_dash="dashed"))
    plot.segment("low", "name", "high", "name", source=source, color="colour", line_width=3)
    dots = plot.scatter("change", "name", source=source, size=9, color="colour")
    said = f"@change{{+0.[000]}}{unit} (@low{{+0.[000]}} to @high{{+0.[000]}})"
    plot.add_tools(HoverTool(renderers=[dots], tooltips=[("@name", said), ("", "@verdict")]))
    plot.ygrid.visible = False
    plot.xgrid.visible = True
    return plot


def _percentiles(a: Documents, b: Documents) -> figure | None:
    plot = chart(300, x_range=FactorRange(factors=[*_PERCENTILES.values()]), y_axis_type="log")
    plot.yaxis.axis_label = "ms"
    log_ticks(plot.yaxis[0], (1, 2, 3, 5))
    drawn = 0
    for name, colour, document in _runs(a, b):
        search = document.speed.steps.get(SEARCH)
        if search is None:
            continue
        values = [drawable(getattr(search, key)) for key in _PERCENTILES]
        _line(plot, [*_PERCENTILES.values()], values, (name, colour, document))
        drawn += 1
    if not drawn:
        return None
    legend_above(plot)
    return plot


def _by_load(a: Documents, b: Documents, label: str, value: Any, *, log: bool) -> figure | None:
    scale: dict[str, Any] = {"y_axis_type": "log"} if log else {"y_range": (-0.02, 1.05)}
    plot = chart(300, y_axis_label=label, **scale)
    plot.xaxis.axis_label = "concurrent users, or events offered a second"
    if log:
        log_ticks(plot.yaxis[0], (1, 2, 3, 5))
    drawn = 0
    for one in _runs(a, b):
        bands = one[2].bands
        if bands:
            _line(plot, [*map(_middle, bands)], [value(band) for band in bands], one)
            drawn += 1
    if not drawn:
        return None
    legend_above(plot)
    return plot


def _runs(a: Documents, b: Documents) -> Iterator[tuple[str, str, RunDocument]]:
    for (name, colour), documents in zip(_SIDES, (a, b), strict=True):
        for document in documents:
            yield name, colour, document


def _line(
    plot: figure, at: list[Any], values: list[float], run: tuple[str, str, RunDocument]
) -> None:
    name, colour, document = run
    labels = [plain(document.run.run_id)] * len(at)
    source = ColumnDataSource({"at": at, "value": values, "run": labels})
    style: dict[str, Any] = {"source": source, "color": colour, "legend_label": name}
    plot.line("at", "value", line_width=2, alpha=0.7, muted_alpha=0.1, **style)
    dots = plot.scatter("at", "value", size=6, alpha=0.7, muted_alpha=0.1, **style)
    tooltips = [(f"{name}, run", "@run"), ("at", "@at"), ("value", "@value{0.[000]}")]
    plot.add_tools(HoverTool(renderers=[dots], tooltips=tooltips))


def _middle(band: LoadBand) -> float:
    if band.offered_from is not None:
        return band.offered_per_s or band.offered_from
    return (band.users_from + band.users_to) / 2


def _p95(band: LoadBand) -> float:
    return drawable(band.latency.steps.get(SEARCH, Percentiles()).p95_ms)


def _determinism(band: LoadBand) -> float:
    value = band.figures.get("determinism", {}).get("mean_jaccard")
    return float("nan") if value is None else float(value)


@cache
def _template() -> Template:
    environment = page_environment(TEMPLATES, STYLES)
    return environment.get_template("compare.html.jinja")
