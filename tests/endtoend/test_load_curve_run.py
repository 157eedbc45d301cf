"""Where load breaks a service in a known way, the load curve says so, within its intervals."""

from __future__ import annotations

from math import sqrt

from endtoend.locust_run import run_locust
from recomputation.document import differences
from standin.process import Standin

COORDINATORS = 3


def test_the_curve_finds_the_points_where_quality_falls(tmp_path):
    with Standin("crowded", crowd=10) as standin:
        _, document, output = run_locust(
            *("--headless", "-u", 18, "-r", 18, "--run-time", 34, "--reference", 11),
            *("--think-time", "0.1", "--stop-timeout", 5, "--only-summary"),
            *("--host", standin.url, "--llm-host", standin.url),
            report_dir=tmp_path / "reports",
        )
    assert document, output
    assert differences(document) == []
    _holds_all_wordings_at_rest(document)
    alone, crowded = document["load_curve"][0], document["load_curve"][-1]
    assert alone["users_from"] < 10 <= crowded["users_from"]
    # What was on its way when the crowd came counts to either side: one search of each coordinator.
    same, verbatim = alone["determinism"], alone["handover"]["verbatim"]
    assert 0 <= 1 - same["mean_jaccard"] <= COORDINATORS * (2 / 9) / same["pairs"] + 1e-9 < 0.05
    assert 0 <= 1 - verbatim["top1_rate"] <= COORDINATORS / verbatim["queries"] < 0.2
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
    """The trio that was alone asked all wordings; later lists are held against its first ones."""
    wordings = len(document["scenario"]["variants"])
    crowd_came = min(event["time"] for event in document["events"] if event["trio"] > 1)
    baselines = sorted(
        (e for e in document["events"] if e["phase"] == "baseline" and e["outcome"] == "ok"),
        key=lambda event: event["time"],
    )
    first, seen = {}, set()
    for event in baselines:
        question = event["variant"], event["contract"], event["role"]
        ids = {(hit["corpus"], hit["id"]) for hit in event["top_k"]}
        if event["time"] < crowd_came and first.setdefault(question, ids) is ids:
            assert event["rest_overlap"] is None
        elif event["rest_overlap"] is not None:  # a list that came while the crowd did may lack it
            both = len(ids) + len(first[question])
            assert event["rest_overlap"] == 2 * len(ids & first[question]) / both
            seen.add(question)
        elif event["trio"] > 1:
            assert question not in first
    assert {variant for variant, *_ in first} == {*range(1, wordings + 1)}
    assert document["metrics"]["stability"]["against_rest"]["questions"] == len(seen) > 12
