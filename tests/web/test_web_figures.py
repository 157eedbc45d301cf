"""What the web UI shows, from a document that does not change."""

import csv
import json
import math
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from mcstress import snapshots as web_snapshot
from mcstress.evidence.document_parts import Service
from mcstress.evidence.report.glossary import WORDS, Glossary
from mcstress.evidence.report.head import SHOWN_MARKS
from mcstress.evidence.report.plots.arrivals import offered_and_begun, rates
from mcstress.evidence.run_document import document_of
from mcstress.metrics.arrivals import OfferedSecond
from mcstress.metrics.names import METRICS
from mcstress.metrics.results import FigureReading
from mcstress.snapshots import LEAST_S, MOST_S, Snapshot, Snapshots
from mcstress.web.charts import empty_charts
from mcstress.web.content import content
from mcstress.web.series import all_series, over_time, until
from mcstress.web.table import CSV_COLUMNS, as_csv, rows

PARTS = [
    "Relevance",
    "Diversity",
    "Determinism",
    "Stability",
    "Handover",
    "Memory",
    "Freshness",
    "Changes",
    "Recordings",
    "Swap",
    "Inbox",
    "Errors",
    "Availability",
]
GOLDEN = Path(__file__).parents[1] / "evidence" / "golden_head.json"


@pytest.fixture(scope="module")
def document():
    return document_of(GOLDEN, json.loads(GOLDEN.read_text()))


def test_each_plot_has_its_series_and_each_end_its_range(document):
    charts = {chart.name: json.dumps(chart.item) for chart in empty_charts()}
    series = all_series(document, going_on=False)
    assert [one.name for one in series] == [*charts]
    for one in series:
        assert all(f'"{one.name}{suffix}"' in charts[one.name] for suffix in ("", *one.ends))
        assert all(f'"{column}"' in charts[one.name] for column in one.data)
        assert len({len(values) for values in one.data.values()}) == 1


def test_a_slot_that_has_not_wholly_arrived_is_not_shown_yet(document):
    slots, width_s = document.timeline.slots, document.timeline.slot_s
    end_s = slots[-1].time + width_s
    assert len(over_time(until(document, end_s)).data["time"]) == len(slots)
    assert len(over_time(until(document, end_s - 0.1)).data["time"]) == len(slots) - 1
    assert len(over_time(document).data["time"]) == len(slots)


def test_offered_and_begun_are_those_of_each_slot(document):
    slots, width_s = document.timeline.slots, document.timeline.slot_s
    first = slots[0].time
    seconds = [OfferedSecond(first + n, 10.0, 10 + n) for n in range(width_s)]
    seconds.append(OfferedSecond(first + width_s, 10.0, 4, 0.5))
    offered = msgspec.structs.replace(
        document, offered=seconds, unserved=[(first, 10_000, "missed", 1000, 3)]
    )
    data = rates(offered).data
    assert data["time"] == [(first + (n + 0.5) * width_s) * 1000 for n in range(2)]
    arrivals = sum(range(10, 10 + width_s))
    assert data["offered"] == [arrivals / width_s, 4 / 0.5]
    assert data["begun"] == [slots[0].events / width_s, slots[1].events / 0.5]
    assert data["missed"] == [3 / width_s, 0]
    assert len(rates(offered, first + width_s).data["time"]) == 1
    assert offered_and_begun(offered) is not None
    assert offered_and_begun(document) is None, "no schedule"


def test_the_columns_over_time_are_the_timelines(document):
    slots = document.timeline.slots
    data = over_time(document).data
    assert data["time"] == [slot.time * 1000 for slot in slots]
    for slot, memory, pace in zip(slots, data["memory"], data["requests_per_s"], strict=True):
        queries = slot.handover["memory"].queries
        hits = slot.handover["memory"].top1
        assert memory == pytest.approx(hits / queries if queries else math.nan, nan_ok=True)
        seconds = slot.seconds
        assert pace == pytest.approx(slot.steps / seconds if seconds else math.nan, nan_ok=True)


def test_the_table_has_every_figure_as_the_document_has_it(document):
    table = rows(document)
    shown = {row.name: row for row in table if row.part != "Checks" and row.name}
    assert shown.keys() == {name for name, metric in METRICS.items() if metric.label}
    assert [*dict.fromkeys(row.part for row in shown.values())] == PARTS
    for name, row in shown.items():
        assert name in METRICS
        assert row.value == document.figure(name)
    checks = [row for row in table if row.part == "Checks"]
    assert {row.figure for row in checks} == {check.check for check in document.checks}
    marks = [row.shown()["part"] for row in checks]
    assert marks == sorted(marks, key=lambda one: one != "✗ Checks"), "what failed comes first"
    assert "✗ Checks" in marks
    assert all(isinstance(cell, str) for row in table for cell in row.shown().values())


def test_the_tab_calls_no_figure_healthy_that_is_not_certain(document):
    """It says what the report says: a whole interval that is healthy, or of how many it speaks."""
    told = {row.name: row.reading for row in rows(document) if row.part != "Checks"}
    verbatim = told["handover.verbatim.top1_rate"]
    assert verbatim == "healthy, not certain: a colleague finds what was learnt"
    assert told["handover.paraphrase.top1_rate"].startswith("healthy: ")
    swap = {"returned": 0, "swaps": 12}
    zero = msgspec.structs.replace(
        document,
        checks=[],
        metrics=document.metrics | {"swap": swap},
        readings=document.readings | {"swap.returned": FigureReading("healthy", "none", "== 0")},
    )
    (row,) = (row for row in rows(zero) if row.name == "swap.returned")
    assert row.reading == "healthy as far as seen (n = 12): none"


def test_words_that_the_page_uses_are_explained_as_in_the_report(document):
    snapshot = Snapshot(number=1, stage="finished", document=document)
    told = {one["name"]: one["meaning"] for one in content(snapshot, [])["words"]}
    for name in ("Jaccard", "healthy", "p95", "McNemar"):
        (word,) = (word for word in WORDS if word.forms[0] == name)
        assert told[name] == Glossary(document.words).meaning(word)
    said = json.dumps(content(snapshot, [])["sections"]).lower()
    forms = {word.forms[0]: word.forms for word in WORDS}
    assert [name for name in told if not any(one.lower() in said for one in forms[name])] == []
    assert content(Snapshot(0, "ready", None), [])["words"] == [], "no run"


def test_the_csv_file_can_be_read_back(document):
    table = rows(document)
    read = list(csv.DictReader(StringIO(as_csv(table))))
    assert [*read[0]] == CSV_COLUMNS
    assert [row["figure"] for row in read] == [row.figure for row in table]
    values = [float(row["value"]) if row["value"] else None for row in read]
    assert values == [row.value for row in table]


@pytest.mark.parametrize("stage", ["running", "ending", "finished"])
def test_the_page_is_told_all_of_the_report(document, stage):
    told = msgspec.json.decode(msgspec.json.encode(content(Snapshot(1, stage, document), [])))
    assert len(told["cards"]) == 4
    shown = [one["question"] for one in told["marks"]]
    assert shown == [name for name in SHOWN_MARKS if name != "Silences"], "it has no availability"
    assert {one["section"] for one in told["examples"]} <= {one["key"] for one in told["sections"]}
    assert [one["title"] for one in told["sections"]][:3] == ["Checks", "Relevance", "Diversity"]
    link = {"href": "https://langfuse.example/project/p1/sessions/0123456789abcdef"}
    assert link.items() <= told["facts"][-1]["parts"][0].items()
    assert (told["verdict"] is not None) == (stage == "finished")


def test_what_was_tested_is_told_by_its_address(document):
    services = [Service(name="gateway", url="http://gateway:3110"), document.run.services[1]]
    run = msgspec.structs.replace(document.run, services=services)
    seen = msgspec.structs.replace(document, run=run)
    told = msgspec.json.decode(msgspec.json.encode(content(Snapshot(1, "running", seen), [])))
    assert told["marks"][0]["value"] == "http://gateway:3110"


def test_before_the_first_run_there_is_nothing_but_a_hint():
    told = content(Snapshot(1, "ready", None), [])
    assert told["headline"].startswith("No run yet")
    assert told["cards"] == told["sections"] == told["reports"] == []
    assert not any(next(iter(one.data.values())) for one in told["series"])
    assert rows(None) == []


class Watch:
    """Stands for ``time``: moves by hand."""

    def __init__(self, cost_s):
        self.now_s, self.busy_s, self.cost_s = 100.0, 0.0, cost_s

    def monotonic(self):
        return self.now_s

    def thread_time(self):
        return self.busy_s

    def document(self, run):
        self.busy_s += self.cost_s
        return {"run": run.run.uid}


@pytest.mark.parametrize(
    ("cost_s", "rest_s"), [(0.001, LEAST_S), (0.02, 4.0), (0.2, MOST_S)], ids=str
)
def test_figures_are_worked_out_when_asked_for_and_cost_a_small_share(monkeypatch, cost_s, rest_s):
    watch = Watch(cost_s)
    monkeypatch.setattr(web_snapshot, "time", watch)
    monkeypatch.setattr(web_snapshot, "document_so_far", watch.document)
    run = SimpleNamespace(run=SimpleNamespace(uid="a"))
    lifecycle = SimpleNamespace(
        stage="running",
        controller=SimpleNamespace(current=run),
        finished=SimpleNamespace(runs=[], document=None),
    )
    snapshots = Snapshots(lifecycle)
    assert watch.busy_s == 0
    first = snapshots.newest()
    watch.now_s += rest_s - 0.01
    assert snapshots.newest() is first
    watch.now_s += 0.01
    assert snapshots.newest().number == first.number + 1
    lifecycle.stage = "ending"
    assert snapshots.newest().stage == "ending"
    lifecycle.stage, lifecycle.controller.current = "finished", None
    lifecycle.finished.runs, lifecycle.finished.document = ["a run"], {"run": "final"}
    last = snapshots.newest()
    assert (last.stage, last.document) == ("finished", {"run": "final"})
    watch.now_s += 1000
    assert snapshots.newest() is last
