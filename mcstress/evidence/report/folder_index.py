"""``index.html`` of a folder of reports: every run in a row, and its key figures over the runs.

What lies in the folder may be of any version and any hand: a file that cannot be read is a row that
says so, never the end of the page, and only names of the form of our own files become links.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

import msgspec
from bokeh.embed import components
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.models.annotations import Title
from bokeh.plotting import figure
from jinja2 import Template
from markupsafe import Markup

from mcstress.errors import UsageError
from mcstress.evidence.report import readings
from mcstress.evidence.report.page_assets import library_tag, page_environment, write_shared
from mcstress.evidence.report.plots.style import BLUE, chart, plain
from mcstress.evidence.report.readings import Reading
from mcstress.evidence.report.verdict_line import verdict_words
from mcstress.evidence.report.writers import Assets, forms
from mcstress.evidence.run_document import RunDocument, document_of
from mcstress.evidence.store.atomic import write_text
from mcstress.evidence.store.document import read_head
from mcstress.evidence.store.paths import STEM
from mcstress.metrics.number_format import figure as shown_figure
from mcstress.metrics.number_format import milliseconds

INDEX = "index.html"
MOST_RUNS = 100
"""As many of the newest runs are shown: each costs some milliseconds at the end of the next."""
LEAST_FOR_A_LINE = 2

KEY_FIGURES = {
    "relevance.precision_at_k": "precision@K",
    "determinism.mean_jaccard": "determinism",
    "handover.verbatim.top1_rate": "handover, same wording",
    "handover.paraphrase.top1_rate": "handover, paraphrased",
    "freshness.visible_rate": "new items found",
    "latency.matrix_search.p95_ms": "search p95, ms",
    "errors.rate": "failed steps",
    "availability.rate": "availability",
}
"""The figures of a row and of the lines, and what the page calls them."""

_DOCUMENT = re.compile(rf"{STEM}_([A-Za-z0-9][A-Za-z0-9_-]{{0,110}})\.json")


class RunRow(msgspec.Struct, frozen=True):
    """A run as the index shows it; ``fault`` says why there is no more than its name."""

    run_id: str
    started: datetime | None = None
    load: str = ""
    tested: str = ""
    verdict: Reading | None = None
    words: str = ""
    figures: tuple[float | None, ...] = ()
    shown: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    fault: str = ""


def index_of(folder: Path, assets: Assets = "inline") -> tuple[str, list[RunRow]]:
    """The page of ``folder``, and its rows, the newest first; raises OSError."""
    paths = sorted(
        (path for path in folder.iterdir() if _DOCUMENT.fullmatch(path.name)),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    rows = sorted(
        (_row(path) for path in paths[:MOST_RUNS]),
        key=lambda row: row.started.timestamp() if row.started else 0.0,
        reverse=True,
    )
    lines = _lines(rows[::-1])
    script, divs = components(lines) if lines else ("", ())
    page = _template().render(
        folder=folder.resolve().name,
        rows=rows,
        left_out=len(paths) - len(rows),
        names=[*KEY_FIGURES.values()],
        plots=[Markup(div) for div in divs],  # noqa: S704  (Bokeh's own, which escapes the data)
        script=Markup(script),  # noqa: S704  (likewise)
        library=library_tag(assets) if script else "",
    )
    return page, rows


def write_index(folder: Path, assets: Assets = "inline") -> Path:
    """Write the page of ``folder`` into it; its path. Raises OSError."""
    page, rows = index_of(folder, assets)
    if assets == "shared" and rows:
        write_shared(folder)
    write_text(folder / INDEX, page)
    return folder / INDEX


def _row(path: Path) -> RunRow:
    run_id = path.stem.removeprefix(f"{STEM}_")
    try:
        head = read_head(path)
        if head is None:
            return RunRow(run_id, fault="its layout is another's; mcstress report makes it anew")
        return _read(run_id, path, document_of(path, head))
    except (OSError, UsageError, ValueError, msgspec.MsgspecError) as fault:
        return RunRow(run_id, fault=f"cannot be read: {fault}"[:300])


def _read(run_id: str, path: Path, document: RunDocument) -> RunRow:
    run = document.run
    embedded = any(one.embedded and one.name == "gateway" for one in run.services)
    figures = tuple(_number(document.figure(name)) for name in KEY_FIGURES)
    return RunRow(
        run_id,
        run.started,
        f"{run.peak_users} users, {_lasted(document)}",
        "built-in test server" if embedded else ", ".join(one.url for one in run.services[:1]),
        readings.verdict_of(document),
        verdict_words(document),
        figures,
        tuple(_shown(name, value) for name, value in zip(KEY_FIGURES, figures, strict=True)),
        tuple(
            (form.title, name)
            for ending, form in forms().items()
            if (path.parent / (name := f"{STEM}_{run_id}.{ending}")).is_file()
        ),
    )


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]  # it is a number then


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "–"  # noqa: RUF001  (what reports show for nothing)
    return milliseconds(value) if name.endswith("_ms") else shown_figure(value, "share, 0 to 1")


def _lasted(document: RunDocument) -> str:
    run = document.run
    if run.started is None or run.ended is None:
        return "not ended"
    return f"{(run.ended - run.started).total_seconds():.0f} s"


def _lines(rows: Sequence[RunRow]) -> list[figure]:
    """A small plot for each key figure that two runs or more have, by run, the oldest first."""
    read = [row for row in rows if row.figures]
    plots: list[figure] = []
    for number, title in enumerate(KEY_FIGURES.values()):
        points = [(row.run_id, row.figures[number]) for row in read]
        if sum(value is not None for _, value in points) < LEAST_FOR_A_LINE:
            continue
        names = [plain(run_id) for run_id, _ in points]
        plot = chart(150, title=Title(text=title, text_font_size="11px"), x_range=names)
        plot.xaxis.visible = False
        values = [float("nan") if value is None else value for _, value in points]
        source = ColumnDataSource({"run": names, "value": values})
        highest = max(value for value in values if value == value)  # noqa: PLR0124  (NaN is not)
        plot.y_range = Range1d(
            start=0, end=1.05 if highest <= 1 and "ms" not in title else highest * 1.1
        )
        plot.line("run", "value", source=source, color=BLUE, line_width=1.5)
        plot.scatter("run", "value", source=source, color=BLUE, size=6)
        plot.add_tools(HoverTool(tooltips=[("run", "@run"), (title, "@value{0.[000]}")]))
        plots.append(plot)
    return plots


@cache
def _template() -> Template:
    environment = page_environment(Path(__file__).with_name("templates"))
    return environment.get_template("index.html.jinja")
