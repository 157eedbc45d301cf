"""A search for the capacity of a target that breaks at a known rate, as a user starts it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from endtoend.locust_run import LocustRun

from mcstress.commands.report import report_again

HERE = Path(__file__).parent
BREAKS_AT = 40


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    folder = tmp_path_factory.mktemp("capacity")
    locustfile = HERE / "breaking_locustfile.py"
    with LocustRun(
        *("--headless", "-u", 30, "-r", 30, "--find-capacity", "--arrival-rate", 24),
        *("--arrivals", "constant", "--tags", "merge", "--only-summary"),
        *("--target", f"{locustfile}:Breaking", "--check", "latency.response.all.p95_ms < 150"),
        report_dir=folder / "reports",
        locustfile=locustfile,
        BREAKS_AT=str(BREAKS_AT),
    ) as run:
        code = run.wait(300)
        return code, run.document(), run.output, folder / "reports"


def test_it_is_found_within_a_tenth_and_the_run_passes(search):
    code, document, output, _ = search
    assert code == 0, output
    capacity = document["metrics"]["capacity"]
    assert capacity["events_per_s"] == pytest.approx(BREAKS_AT, rel=0.1)
    assert capacity["events_per_s"] <= BREAKS_AT < capacity["first_broken"]
    assert capacity["first_broken_check"] == "latency.response.all.p95_ms < 150"
    assert document["run"]["stopped_by"] == "the search for the capacity is over"
    assert document["load_curve_reading"].startswith("The capacity is ")
    assert document["verdict"] == "pass"


def test_offering_pauses_until_nothing_waits_and_every_arrival_is_accounted_for(search):
    _, document, output, _ = search
    arrivals = document["completeness"]["arrivals"]
    assert arrivals["unknown"] == arrivals["cut"] == 0, output
    assert arrivals["offered"] == arrivals["begun"] + arrivals["missed"]
    trials = document["trials"]
    for one, then in pairwise(trials):
        last = max(
            event["time"]
            for event in document["events"]
            if event["scheduled"]["trial"] == one["number"]
        )
        first = min(
            event["scheduled"]["intended"]
            for event in document["events"]
            if event["scheduled"]["trial"] == then["number"]
        )
        assert last < first
    assert [entry["trial"] for entry in document["load_curve"]] == [one["number"] for one in trials]


def test_the_report_says_it_in_one_sentence_and_comes_out_alike_when_made_again(search):
    _, document, _, reports = search
    text = (reports / "multi_coord_stress_001.md").read_text()
    assert document["load_curve_reading"] in text
    assert "| Trial | Outcome |" in text
    verdict, _ = report_again(reports / "multi_coord_stress_001.json")
    assert verdict == "pass"
    assert document["load_curve_reading"] in (reports / "multi_coord_stress_001.md").read_text()
