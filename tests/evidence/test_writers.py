"""The forms of a report are one list: what is added to it is a file of every run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from made_report import MadeRun, head_of, typed

from mcstress.evidence.report import writers
from mcstress.evidence.report.write import update_head, write_report
from mcstress.evidence.report.writers import WRITERS, Writer, forms
from mcstress.evidence.store.paths import claim
from mcstress.evidence.store.segment import Segment
from mcstress.master.notify import summary
from mcstress.master.report_place import FinishedRun
from mcstress.snapshots import Snapshot
from mcstress.web.content import content
from mcstress.web.page import Page

ENDING = "verdict.txt"
EMPTY = typed({"run": {"run_id": "001"}})


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose report has one form more, and no plots: its paths, its document."""
    shown = Writer("one word", "text/plain", lambda document, _: f"{document.verdict}\n")
    monkeypatch.setitem(writers.WRITERS, ENDING, shown)
    monkeypatch.delitem(writers.WRITERS, "html")
    paths = claim(tmp_path)
    segment = Segment(paths.events, {"record": "run", "run": {}, "scenario": {}})
    segment.close()
    document = typed(head_of(MadeRun().events(trios=1, rounds=1)))
    write_report(paths, document, [paths.events])
    return paths, document


def test_its_file_is_written_and_written_again(run):
    paths, document = run
    assert paths.report(ENDING).read_text() == f"{document.verdict}\n"
    document.verdict = "unknown"
    update_head(paths, document)
    assert paths.report(ENDING).read_text() == "unknown\n"
    assert list(paths.reports) == ["md", ENDING, "json"]
    assert all(path.is_file() for path in paths.reports.values())


def test_a_number_whose_only_file_it_is_is_taken(run, tmp_path, monkeypatch):
    paths, _ = run
    for path in (paths.events, paths.json, paths.report("md")):
        path.unlink()
    assert claim(tmp_path).run_id == "002"
    # Also where the run ended after the folder was looked at.
    monkeypatch.setattr("mcstress.evidence.store.paths._highest_number", lambda _: 0)
    (tmp_path / "multi_coord_stress_002.events.jsonl").unlink()
    assert claim(tmp_path).run_id == "002"
    assert not paths.events.exists()


def test_it_is_linked_and_served_in_the_web_tab(run, monkeypatch):
    paths, document = run
    finished = FinishedRun(paths, document.verdict, is_settled=True)
    told = content(Snapshot(1, "finished", document), [finished])
    links = {file["title"]: file["href"] for file in told["reports"][0]["files"]}
    assert links == {
        "Markdown": "reports/001.md",
        "one word": f"reports/001.{ENDING}",
        "JSON": "reports/001.json",
    }
    served = []
    monkeypatch.setattr(
        "mcstress.web.page.send_file", lambda path, mimetype, **_: served.append((path, mimetype))
    )
    page = SimpleNamespace(_finished=SimpleNamespace(runs=[finished]))
    for href in links.values():
        Page.report(page, href.removeprefix("reports/"))
    assert served == [
        (paths.report("md").resolve(), "text/plain"),
        (paths.report(ENDING).resolve(), "text/plain"),
        (paths.json.resolve(), "application/json"),
    ]


def test_people_are_told_of_it(run):
    paths, document = run
    state = SimpleNamespace(
        paths=paths,
        report_fault="",
        run=SimpleNamespace(label="001"),
        settings=SimpleNamespace(langfuse_env=""),
    )
    told = summary(state, document).splitlines()
    assert f"        {paths.report(ENDING)}" in told
    assert f"Report: {paths.report('md')}" in told


@pytest.mark.parametrize("ending", WRITERS)
def test_each_writer_makes_a_text_of_a_run_that_measured_nothing(ending):
    assert "001" in WRITERS[ending].text(EMPTY, "inline")


def test_the_pages_first_link_is_what_a_browser_shows_best(tmp_path):
    paths = claim(tmp_path)
    for path in paths.reports.values():
        path.touch()
    told = content(Snapshot(1, "ready", None), [FinishedRun(paths, "pass", is_settled=True)])
    assert [file["title"] for file in told["reports"][0]["files"]] == ["report", "Markdown", "JSON"]


def test_the_document_is_the_last_of_the_files():
    assert list(forms()) == [*WRITERS, "json"]
