"""The report's tables of figures: made of what the figures say, a user's own among them."""

from __future__ import annotations

import msgspec
import pytest
from made_report import MadeRun, head_of, typed

from mcstress.evidence.report import formatting
from mcstress.evidence.report.figure_table import FigureTable, figure_table
from mcstress.evidence.report.readings import Reading
from mcstress.evidence.report.view import view
from mcstress.metrics.metric import COUNT, RATE, REPORT_TABLES, FigureGroup, Metric
from mcstress.metrics.names import METRICS
from mcstress.metrics.registry import REGISTRY, metric

ARMS = FigureTable("handover", "Handover")
HEAD = head_of(MadeRun().events())


class Own(Metric):
    """Figures in a table of ours, under a column of their own, and in none."""

    key = section = "own"
    hears = ("handover",)

    @classmethod
    def names(cls):
        of = FigureGroup("own", cls.hears, "queries", planned=None).name
        yield of("queries", COUNT, "queries")
        yield of("found", COUNT, "queries that found it")
        place = {"table": "handover", "row": "same wording", "column": "By name"}
        yield of("rate", RATE, "the same as a share", "ci95", counts=("found", "queries"), **place)
        yield of("mean_rank", "rank", "where it stands", row="mean rank", by_load="Rank")


@pytest.fixture
def own():
    metric(Own)
    yield
    del REGISTRY["own"]


@pytest.fixture
def document():
    made = typed(HEAD)
    made.metrics["own"] = {
        "queries": 8, "found": 6, "rate": 0.75, "ci95": [0.41, 0.93], "mean_rank": 1.25,
    }  # fmt: skip
    return made


def columns_of(table):
    return {name: [row[at] for row in table.rows] for at, name in enumerate(table.columns)}


@pytest.mark.usefixtures("own")
def test_a_figure_stands_in_the_table_and_column_that_it_names(document):
    rows = columns_of(figure_table(document, ARMS))
    assert list(rows)[-2:] == ["By name", "Reading"]
    assert rows["By name"] == ["0.750 [0.410, 0.930], 6 of 8", formatting.NONE]
    (further,) = [one for one in view(document).sections if one.key == "further"]
    assert further.tables[0].rows == [["mean rank", "1.250", "", "8"]]


@pytest.mark.usefixtures("own")
def test_a_figure_that_names_a_column_of_the_load_curve_stands_there_by_band(document):
    document.load_curve[0]["own"] = {"queries": 3, "mean_rank": 1.5}
    (load,) = [one for one in view(document).sections if one.key == "load_curve"]
    _, quality, learning = (columns_of(table) for table in load.tables)
    assert [*quality] == ["Users", "Same role", "Two roles", "Determinism", "Freshness", "Rank"]
    assert quality["Rank"] == ["1.500 (3)"]
    assert learning["Users"] == quality["Users"]


def test_a_memory_that_is_asked_by_itself_has_a_table_of_its_own(document):
    document.metrics["memory"] = {
        "asked": 40, "leaks": 2, "leaking": 1, "taken_over": 8, "records": 204,
        "chance_top1": 1 / 204, "chance_top_k": 8 / 204,
    }  # fmt: skip
    (learning,) = [one for one in view(document).sections if one.key == "learning"]
    rows = {name: cells for name, *cells in learning.tables[1].rows}
    assert {name: value for name, (value, _) in rows.items()} == {
        "leaks (healthy\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0)": "2",
        "searches that leak": "1 of 40",
        "records in a namespace": "204",
        "chance, top-1": "0.0049",
        "chance, top-K": "0.039",
    }


@pytest.mark.usefixtures("own")
def test_a_document_without_its_figures_has_no_row_of_them_under_further():
    assert "further" not in {one.key for one in view(typed(HEAD)).sections}


def test_intervals_and_counts_have_columns_of_their_own_where_a_table_is_split(document):
    split = msgspec.structs.replace(ARMS, is_split=True, counted="Queries")
    verbatim = document.metrics["handover"]["verbatim"]
    row = figure_table(document, split).rows[0]
    assert row[1] == f"{verbatim['top1_rate']:.3f}"
    assert row[2] == "[{:.3f}, {:.3f}]".format(*verbatim["ci95"])
    assert row[-2] == f"{verbatim['top1']} of {verbatim['queries']}"


def test_a_reading_that_is_given_takes_the_place_of_the_figures_own(document):
    said = Reading("said otherwise", "bad")
    names = {"handover.verbatim.top1_rate": said}
    readings = columns_of(figure_table(document, ARMS, names))["Reading"]
    assert readings[0] == said != readings[1]


def test_rows_are_those_of_the_phases_that_were_chosen(document):
    document.run.phases = ["handover_paraphrase"]
    assert len(figure_table(document, ARMS).rows) == 1
    document.run.phases = ["handover", "handover_paraphrase"]
    assert len(figure_table(document, ARMS).rows) == 2


def test_every_place_is_one_that_the_report_has():
    for name, figure in METRICS.items():
        assert figure.table in REPORT_TABLES, name
        assert figure.row or not figure.column, name
        assert set(figure.counts) <= set(METRICS), name
    places = [(one.table, one.row, one.column) for one in METRICS.values() if one.row]
    assert len(places) == len(set(places)) > 30


def test_a_figure_of_a_table_that_is_not_there_is_refused():
    class Misplaced(Own):
        key = section = "misplaced"

        @classmethod
        def names(cls):
            of = FigureGroup("misplaced", cls.hears, "queries", planned=None).name
            yield of("queries", COUNT, "queries", table="handovers", row="queries")

    with pytest.raises(ValueError, match=r"misplaced\.queries is of table 'handovers'; known are "):
        metric(Misplaced)
