"""The HTML report: one file that opens anywhere and asks nothing of a network.

Jinja escapes every text; what reaches the plots goes through Bokeh's own escaping. A content
security policy in the page forbids whatever might have slipped through to load or send anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

import msgspec
from bokeh.document import Document
from bokeh.embed import components
from bokeh.model import Model
from bokeh.plotting import figure
from jinja2 import Template
from markupsafe import Markup

from mcstress.evidence.report.examples import groups
from mcstress.evidence.report.glossary import Glossary
from mcstress.evidence.report.page_assets import library_tag, page_environment
from mcstress.evidence.report.plots import arrivals, clock, moments, quality, speed
from mcstress.evidence.report.plots.heat_map import MOST_CELLS, heat_map
from mcstress.evidence.report.plots.load_curve import load_curve
from mcstress.evidence.report.plots.style import Series
from mcstress.evidence.report.readings import SIGNS, Reading
from mcstress.evidence.report.section import Beside, Link, Verbatim
from mcstress.evidence.report.sections.settings import setting_rows
from mcstress.evidence.report.view import view
from mcstress.evidence.report.writers import Assets
from mcstress.evidence.run_document import RunDocument

TEMPLATES = Path(__file__).with_name("templates")


class Plot(msgspec.Struct, frozen=True):
    """A plot that a section shows, and what its reader must know to read it."""

    draw: Callable[[RunDocument], Model | None]
    caption: str


def drawn(
    read: Callable[[RunDocument], Series], draw: Callable[[Series], figure]
) -> Callable[[RunDocument], Model | None]:
    """Draws what ``read`` gives, where there is anything."""

    def made(document: RunDocument) -> Model | None:
        shown = read(document)
        return draw(shown) if next(iter(shown.data.values())) else None

    return made


PLOTS: Mapping[str, tuple[Plot, ...]] = {
    "diversity": (
        Plot(
            quality.diversity,
            "Mean Jaccard with its 95 % interval, and what chance would give. Orange: the edge of "
            "the healthy range.",
        ),
        Plot(
            heat_map,
            "Mean Jaccard of every two cells ({contract}, {role}): the fuller the colour, the more "
            f"{{items}} they share. At most {MOST_CELLS} cells are drawn.",
        ),
    ),
    "determinism": (
        Plot(
            quality.determinism,
            "Mean Jaccard of the reissues over time, and the users of the moment.",
        ),
    ),
    "learning": (Plot(quality.handover, "Hits at top-1 by arm, with their 95 % intervals."),),
    "freshness": (Plot(quality.freshness, "New {new_items} found, with their 95 % intervals."),),
    "arrivals": (
        Plot(
            arrivals.offered_and_begun,
            "Arrivals that were offered a second, by the time that was meant; events that began, "
            "by when they did; arrivals that never did.",
        ),
    ),
    "clock": (
        Plot(
            clock.timeline,
            "Appointments by the time they were due: the fuller the colour, the more; "
            "red: not all were done.",
        ),
        Plot(
            clock.by_hour,
            "Response of the appointments due in each hour, with determinism and users then.",
        ),
    ),
    "errors": (
        Plot(
            drawn(moments.failures, moments.draw_failures),
            "Failed steps a second, by reason. Shaded: nothing of the gateway succeeded.",
        ),
    ),
    "over_time": (
        Plot(
            drawn(moments.lanes, moments.draw_lanes),
            "Events by phase: the fuller the colour, the more; red where more than "
            "1 % were not whole. "
            "Shaded: nothing of the gateway succeeded.",
        ),
    ),
    "latency": (
        Plot(speed.by_step, "Percentiles of each step; the line reaches to the largest latency."),
        Plot(
            speed.over_time,
            "Dots: p50; rings: p95 where there are samples enough; grey: users. A click on a name "
            "fades its step.",
        ),
        Plot(
            drawn(moments.spread, moments.draw_spread),
            "Searches by how long they took: the fuller the colour, the larger a "
            "share of that moment's.",
        ),
    ),
    "load_curve": (
        Plot(
            load_curve,
            "Quality with its 95 % intervals above, latency of searches below, by users. Memory "
            "and control: hits of handover in the same wording, by arm.",
        ),
    ),
}


class PlacedPlot(msgspec.Struct, frozen=True):
    """A plot's place in the page; ``file``: what its series are called when they are saved."""

    div: Markup
    caption: str
    file: str


def html(
    document: RunDocument, generated: datetime | None = None, *, assets: Assets = "inline"
) -> str:
    """The report of a document's head as a whole page; ``assets``: where its library is."""
    report = view(document, generated)
    script, drawn = _drawn(document)
    return _template().render(
        report=report,
        plots=drawn,
        script=script,
        shared=assets == "shared",
        charts=_trusted((TEMPLATES / "charts.js").read_text()),
        library=library_tag(assets) if script else "",
        examples=groups(document),
        settings=setting_rows(report.run),
        glossary=Glossary(document.words),
        versions=[*report.run.versions.items()],
    )


def _drawn(document: RunDocument) -> tuple[Markup, dict[str, list[PlacedPlot]]]:
    """The script that draws all plots, and the plots' places by section."""
    found = [
        (key, document.words.fill(plot.caption), model)
        for key, plots in PLOTS.items()
        for plot in plots
        if (model := plot.draw(document)) is not None
    ]
    if not found:
        return Markup(), {}
    models = [model for _, _, model in found]
    script, divs = embedded(models)
    places: dict[str, list[PlacedPlot]] = {}
    for (key, caption, _), div in zip(found, divs, strict=True):
        here = places.setdefault(key, [])
        here.append(
            PlacedPlot(
                _trusted(div), caption, f"run-{document.run.run_id}-{key}-{len(here) + 1}.csv"
            )
        )
    return _trusted(script), places


def embedded(models: list[Model]) -> tuple[str, list[str]]:
    """The script that draws ``models`` in a page, and each one's place there.

    All are in one document of Bokeh's before they are looked through: Bokeh would look through all
    those before with each that it adds.
    """
    document = Document()
    with document.models.freeze():
        for model in models:
            document.add_root(model)
    script, divs = components(models)
    return script, [*divs]


def _trusted(text: str) -> Markup:
    """Markup that Bokeh made, or a file of ours."""
    return Markup(text)  # noqa: S704  (Bokeh escapes the data within)


@cache
def _template() -> Template:
    environment = page_environment(TEMPLATES)
    environment.globals["signs"] = SIGNS
    environment.tests["reading"] = lambda value: isinstance(value, Reading)
    environment.globals["new_section"] = set
    environment.tests["plain"] = lambda value: type(value) is str
    environment.tests["verbatim"] = lambda value: isinstance(value, Verbatim)
    environment.tests["beside"] = lambda value: isinstance(value, Beside) and bool(value)
    environment.tests["link"] = lambda value: (
        isinstance(value, Link) and value.startswith(("https://", "http://"))
    )
    return environment.get_template("report.html.jinja")
