"""Where load breaks a service in a known way, the load curve says so, within its intervals."""

from __future__ import annotations

from math import sqrt

from endtoend.locust_run import run_locust
from standin.process import Standin


def test_the_curve_finds_the_points_where_quality_falls(tmp_path):
    with Standin("crowded", crowd=10) as standin:
        _, document, output = run_locust(
            *("--headless", "-u", 18, "-r", 18, "--run-time", 34, "--reference", 11),
            *("--think-time", "0.1", "--stop-timeout", 5, "--only-summary"),
            *("--host", standin.url, "--llm-host", standin.url),
            report_dir=tmp_path / "reports",
        )
    assert document, output
    _holds_all_wordings_at_rest(document)
    alone, crowded = document["load_curve"][0], document["load_curve"][-1]
    assert alone["users_from"] < 10 <= crowded["users_from"]
    assert alone["determinism"]["mean_jaccard"] == 1.0
    assert alone["handover"]["verbatim"]["top1_rate"] == 1.0
    low, high = crowded["determinism"]["ci95"]
    assert low <= 7 / 9 <= high
    verbatim = crowded["handover"]["verbatim"]
    # A chance of its own for each query: one 95 % interval in twenty does not hold it, five
    # standard errors do.
    assert abs(verbatim["top1_rate"] - 1 / 2) < 5 * sqrt(1 / 4 / verbatim["queries"])
    low, high = verbatim["ci95"]
    assert low < verbatim["top1_rate"] < high < alone["handover"]["verbatim"]["top1_rate"]
    assert "determinism" in document["load_curve_reading"]


def _holds_all_wordings_at_rest(document):
    """The trio that was alone asked all wordings; every later list is held against its."""
    wordings = len(document["scenario"]["variants"])
    crowd_came = min(event["time"] for event in document["events"] if event["trio"] > 1)
    baselines = [
        event
        for event in document["events"]
        if event["phase"] == "baseline" and event["found"] is not None
    ]
    asked = {event["variant"] for event in baselines if event["time"] < crowd_came}
    assert asked == {*range(1, wordings + 1)}
    first, seen = {}, []
    for event in sorted(baselines, key=lambda event: event["time"]):
        question = event["variant"], event["contract"], event["role"]
        ids = {(hit["corpus"], hit["id"]) for hit in event["top_k"]}
        at_rest = first.setdefault(question, ids)
        if at_rest is not ids and event["outcome"] != "cut":
            seen.append((question, 2 * len(ids & at_rest) / (len(ids) + len(at_rest))))
            assert event["rest_overlap"] == seen[-1][1]
    found = document["metrics"]["stability"]["against_rest"]
    assert found["lists"] == len(seen)
    assert found["questions"] == len({question for question, _ in seen})
    assert len(first) == 12 * wordings
