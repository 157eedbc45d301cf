"""The page of a comparison says what the other forms say, draws both sides, escapes the rest."""

from __future__ import annotations

import json
import re
from html import unescape
from math import isnan

import pytest
from bokeh.models import Line
from click.testing import CliRunner
from made_comparison import MadeFile, drawn_runs
from made_report import MadeRun
from numpy.random import default_rng
from run_effects import even

from mcstress.cli import main
from mcstress.evidence.compare.comparison import compare
from mcstress.evidence.compare.page import BY_LOAD, _plots, html
from mcstress.evidence.compare.render import row, summary
from mcstress.evidence.report.plots.style import BLUE, ORANGE

DETERMINISM = "Determinism by load, each run a line: mean Jaccard of its reissues."


def page_of(a, b):
    comparison = compare(a, b)
    return comparison, html(comparison, *([run.document for run in side] for side in (a, b)))


@pytest.fixture(scope="module")
def slower():
    rng = default_rng(3)
    return page_of(drawn_runs(rng, even, side="a"), drawn_runs(rng, even, side="b", ratio=2.0))


def cells_of(page):
    rows = re.findall(r"<tr>(<td.*?)</tr>", page)
    return [
        [unescape(re.sub(r"<.*?>", "", cell)) for cell in re.findall(r"<td.*?</td>", found)]
        for found in rows
    ]


def test_every_figure_is_a_row_with_the_cells_of_the_text(slower):
    comparison, page = slower
    rows = cells_of(page)
    assert [
        cells[: len(row(one))] for cells, one in zip(rows, comparison.figures, strict=True)
    ] == [row(one) for one in comparison.figures]
    tested = [cells[-1] != "no" for cells in rows]
    assert tested == [one.primary and bool(one.judged_by) for one in comparison.figures]


def test_the_head_says_what_is_proven(slower):
    comparison, page = slower
    assert comparison.outcome == "regression"
    assert "B is worse" in page
    assert summary(comparison) in unescape(page)


def test_each_run_is_a_line_with_its_own_percentiles():
    rng = default_rng(3)
    sides = [
        [run.document for run in drawn_runs(rng, even, side=side, ratio=ratio)]
        for side, ratio in (("a", 1.0), ("b", 2.0))
    ]
    plots = {caption: plot for caption, plot in _plots(compare_of(sides), *sides) if plot}
    plot = plots["Search latency, each run a line: its percentiles in ms."]
    lines = [one for one in plot.renderers if isinstance(one.glyph, Line)]
    drawn = [one.data_source.data["value"][2] for one in lines]
    assert drawn == [run.speed.steps["matrix_search"].p95_ms for side in sides for run in side]
    assert [one.glyph.line_color for one in lines] == [BLUE] * 4 + [ORANGE] * 4


def test_bands_of_an_offered_rate_are_drawn_at_what_was_offered():
    """Of a band that nothing was offered in, at its lower end: it has no users to stand at."""
    run = MadeFile()
    search = {"matrix_search": {"count": 9, "p50_ms": 2.0, "p95_ms": 4.0}}
    run.head["load_curve"] = [
        {"users_from": 0, "users_to": 0, "offered_from": 8.0, "offered_to": 16.0,
         "offered_per_s": 11.0, "latency": search, "determinism": {"mean_jaccard": 0.75}},
        {"users_from": 0, "users_to": 0, "offered_from": 16.0, "offered_to": 32.0,
         "latency": search, "determinism": {"mean_jaccard": None}},
        {"users_from": 2, "users_to": 6, "latency": {}},
    ]  # fmt: skip
    comparison = compare([run], [MadeFile()])
    plots = dict(_plots(comparison, [run.document], []))
    drawn = {}
    for caption in (BY_LOAD, DETERMINISM):
        (line,) = (one for one in plots[caption].renderers if isinstance(one.glyph, Line))
        drawn[caption] = line.data_source.data
    assert drawn[BY_LOAD]["at"] == [11.0, 16.0, 2.5]  # of 2 to 3, the most that there were
    assert drawn[BY_LOAD]["value"][:2] == [4.0, 4.0]
    assert isnan(drawn[BY_LOAD]["value"][2])
    assert drawn[DETERMINISM]["value"][0] == 0.75
    assert isnan(drawn[DETERMINISM]["value"][1])


def test_what_no_run_has_is_not_drawn():
    """A comparison of runs that left nothing but their settings is a page all the same."""
    runs = [MadeFile()], [MadeFile()]
    comparison, page = page_of(*runs)
    assert comparison.figures == []
    drawn = dict(_plots(comparison, *([run.document for run in side] for side in runs)))
    assert len(drawn) == 5
    assert not any(drawn.values())
    assert "not everything could be judged" in page or "no regression" in page
    assert "<figure" not in page


def compare_of(_):
    rng = default_rng(3)
    return compare(drawn_runs(rng, even, side="a"), drawn_runs(rng, even, side="b"))


def test_what_runs_say_is_text():
    a = [MadeFile(MadeRun(seed).events(trios=1, rounds=1), path="<b>a.json") for seed in (1, 2)]
    b = [MadeFile(MadeRun(seed).events(trios=1, rounds=1), path="b.json") for seed in (3, 4)]
    for run in b:
        run.head["run"]["run_id"] = "</script><script>alert(1)</script>"
    _, page = page_of(a, b)
    assert "<b>a.json" not in page
    assert "<script>alert(1)" not in page
    assert not re.findall(r"<(?:script|img|link)[^>]+(?:src|href)=", page)


def test_the_command_writes_it_beside_the_text(tmp_path):
    from made_report import K, made_document

    from mcstress.evidence.report.write import write_report
    from mcstress.evidence.store.paths import ReportPaths
    from mcstress.metrics.figures import Figures

    paths = []
    for name in ("a", "b"):
        events = MadeRun().events(trios=1, rounds=1)
        figures = Figures(K)
        figures.add_all(events)
        where = ReportPaths(tmp_path, name)
        write_report(where, made_document(figures, events), [])
        paths.append(str(where.json))
    told = CliRunner().invoke(
        main, ["compare", "--html", str(tmp_path / "c.html"), paths[0], "--", paths[1]]
    )
    assert told.exit_code == 0, told.output
    assert "Change over runs is B - A" in told.output
    assert "Comparison" in (tmp_path / "c.html").read_text()
    nowhere = str(tmp_path / "none" / "c.html")
    told = CliRunner().invoke(main, ["compare", "--html", nowhere, paths[0], "--", paths[1]])
    assert told.exit_code == 2
    assert json.loads(
        CliRunner().invoke(main, ["compare", "--format", "json", *paths[:1], "--", paths[1]]).output
    )["outcome"]
