"""What a stall does to those who come meanwhile, and an index that shows late, by a schedule."""

from __future__ import annotations

from pathlib import Path

import pytest
from endtoend.locust_run import LocustRun

from mcstress.metrics.number_format import beyond

LOCUSTFILE = Path(__file__).parent / "late_locustfile.py"
STALL_S, SHOWN_AFTER_S = 2.5, 0.6


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    """Requests stall for 2.5 of about 6 s; who waits for a user for 0.8 s is missed."""
    with LocustRun(
        *("--headless", "-u", 15, "-r", 15, "-t", "8s", "--arrival-rate", 30, "--max-wait", 0.8),
        *("--arrivals", "constant", "--tags", "merge", "fresh", "--only-summary"),
        *("--target", f"{LOCUSTFILE}:Late", "--check", "latency.response.all.p95_ms < 5000"),
        report_dir=tmp_path_factory.mktemp("late") / "reports",
        locustfile=LOCUSTFILE,
        STALL=f"1 {STALL_S}",
        SHOWN_AFTER=str(SHOWN_AFTER_S),
    ) as run:
        code = run.wait()
        return code, run.document(), run.output, run.report_dir


def test_a_percentile_among_those_who_never_began_is_no_number_and_fails_its_check(late):
    code, document, output, reports = late
    totals = document["completeness"]["arrivals"]
    assert totals["missed"] > 0.05 * totals["offered"], output
    response = document["latency"]["response"]["all"]
    assert response["p95_ms"] is None
    assert response["at_least_ms"]["p95_ms"] >= 800
    (check,) = (one for one in document["checks"] if one["check"].startswith("latency"))
    assert check["verdict"] == "fail"
    assert check["reason"].startswith("> ")
    assert code == 3
    report = (reports / "multi_coord_stress_001.md").read_text()
    assert f"&#62; {beyond(response['at_least_ms']['p95_ms'])[2:]}" in report
    # The service's own time says nothing of it: few met the stall.
    assert document["latency"]["matrix_search"]["p50_ms"] < 100


@pytest.mark.slow
def test_a_stall_of_30_s_in_60_s_is_told_as_longer_than_anybody_waited(tmp_path):
    """Of those that began p95 is 8 s: users that wait with the service ask little of it."""
    with LocustRun(
        *("--headless", "-u", 30, "-r", 30, "-t", "63s", "--arrival-rate", 50),
        *("--arrivals", "constant", "--tags", "merge", "--only-summary"),
        *("--target", f"{LOCUSTFILE}:Late", "--check", "latency.response.all.p95_ms < 30000"),
        report_dir=tmp_path,
        locustfile=LOCUSTFILE,
        STALL="15 30",
        SHOWN_AFTER=str(SHOWN_AFTER_S),
    ) as run:
        code = run.wait(timeout_s=180)
        document = run.document()
    response = document["latency"]["response"]["all"]
    assert (response["p95_ms"], response["at_least_ms"]["p95_ms"]) == (None, 10_000)
    assert "&#62; 10 s" in (tmp_path / "multi_coord_stress_001.md").read_text()
    totals = document["completeness"]["arrivals"]
    # Who came in the first 20 of the 30 s, but for those whom the 30 users had taken.
    assert 900 < totals["missed"] <= 50 * 20 + 5
    verdicts = {check["check"]: check["verdict"] for check in document["checks"]}
    assert verdicts["latency.response.all.p95_ms < 30000"] == "fail"
    assert code == 3


def test_an_index_that_never_finds_and_one_that_finds_late_by_a_schedule(late):
    _, document, output, _ = late
    freshness = document["metrics"]["freshness"]
    events = [event for event in document["events"] if event["phase"] == "fresh_resume"]
    seen = [one["visible_after_s"] for one in events if one.get("visible_after_s")]
    never = [one for one in events if "visible_after_s" in one and not one["visible_after_s"]]
    assert len(seen) > 5, output
    assert freshness["never"] == len(never) > 5
    shown = freshness["time_to_top_k_s"]
    assert min(seen) >= SHOWN_AFTER_S
    # Of all that were looked for: those that were never seen took longer than any other.
    ranked = sorted(seen) + [None] * len(never)
    median = ranked[-(-len(ranked) // 2) - 1]
    assert shown["p50"] == (median if median is None else pytest.approx(median, abs=0.0006))
    # Nobody waits for a look: the event's response ended with the first one.
    quick = [one["scheduled"] for one in events if one["scheduled"]["queue_ms"] < 1]
    assert sorted(one["response_ms"] for one in quick)[len(quick) // 2] < SHOWN_AFTER_S * 1000 / 2
