"""The index of a folder: every run is in it, whatever lies there; pages that share a library."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner
from made_report import K, MadeRun, made_document

from mcstress.cli import main
from mcstress.evidence.report.folder_index import INDEX, KEY_FIGURES, index_of, write_index
from mcstress.evidence.report.page_assets import SHARED_NAME
from mcstress.evidence.report.write import write_report
from mcstress.evidence.report.writers import forms
from mcstress.evidence.store.paths import ReportPaths
from mcstress.metrics.figures import Figures


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten runs, whose pages share their library, and the index of all."""
    folder = tmp_path_factory.mktemp("reports")
    for number in range(1, 11):
        events = MadeRun(seed=number, change=number / 20).events(trios=1, rounds=1)
        figures = Figures(K)
        figures.add_all(events)
        document = made_document(figures, events)
        document.run.run_id = f"{number:03}"
        write_report(ReportPaths(folder, f"{number:03}", "shared"), document, [])
    write_index(folder, "shared")
    return folder


class Links(HTMLParser):
    """Where a page leads, and which scripts it asks for."""

    def __init__(self, page):
        super().__init__()
        self.links, self.scripts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "a":
            self.links.append(found["href"])
        if tag == "script" and "src" in found:
            self.scripts.append(found["src"])


def test_ten_reports_of_one_folder_take_less_than_5_mb(folder):
    pages = [path for path in folder.iterdir() if path.suffix != ".json"]
    assert len(pages) == 10 * 2 + 2
    assert sum(path.stat().st_size for path in pages) < 5_000_000


def test_every_page_asks_for_the_shared_file_alone(folder):
    for path in folder.glob("*.html"):
        assert Links(path.read_text()).scripts == [SHARED_NAME], path
    assert "Bokeh" in (folder / SHARED_NAME).read_text()


def test_each_run_is_a_row_with_its_figures_and_links_that_lead_somewhere(folder):
    page, rows = index_of(folder)
    assert {row.run_id for row in rows} == {f"{number:03}" for number in range(1, 11)}
    links = Links(page).links
    assert len(links) == 10 * len(forms())
    assert all((folder / link).is_file() for link in links)
    for row in rows:
        head = json.loads((folder / f"multi_coord_stress_{row.run_id}.json").read_text())
        values = dict(zip(KEY_FIGURES, row.figures, strict=True))
        assert values["determinism.mean_jaccard"] == head["metrics"]["determinism"]["mean_jaccard"]
        assert values["errors.rate"] == head["metrics"]["errors"]["rate"]
        p95_ms = head["latency"]["matrix_search"]["p95_ms"]
        assert values["latency.matrix_search.p95_ms"] == p95_ms
        assert row.verdict.words == head["verdict"]


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "{" * 5000, '{"schema": 1, "run": 7}', "\x00", '{\n  "schema": 1\n}'],
    ids=("empty", "no keys", "list", "deep", "odd run", "binary", "one key"),
)
def test_a_file_that_is_no_report_is_a_row_that_says_so(tmp_path, content):
    (tmp_path / "multi_coord_stress_001.json").write_text(content)
    (tmp_path / "multi_coord_stress_<b>.json").write_text("{}")
    (tmp_path / "other.json").write_text("{}")
    page, rows = index_of(tmp_path)
    assert [row.run_id for row in rows] == ["001"]
    assert rows[0].fault or content.startswith('{\n  "schema"')
    assert "_<b>" not in page


def test_what_a_report_says_is_text(tmp_path):
    events = MadeRun().events(trios=1, rounds=1)
    figures = Figures(K)
    figures.add_all(events)
    document = made_document(figures, events)
    document.run.services[0].embedded = False
    document.run.services[0].url = "http://<script>alert(1)</script>"
    write_report(ReportPaths(tmp_path, "001"), document, [])
    assert "<script>alert" not in write_index(tmp_path).read_text()


def test_the_command_names_the_file(folder, tmp_path):
    told = CliRunner().invoke(main, ["index", str(folder)])
    assert told.output.strip() == str(folder / INDEX)
    assert told.exit_code == 0
    write_index(folder, "shared")
    assert CliRunner().invoke(main, ["index", str(tmp_path)]).exit_code == 0
    assert "No report is here yet." in (tmp_path / INDEX).read_text()
    assert CliRunner().invoke(main, ["index", str(tmp_path / "none")]).exit_code == 2
