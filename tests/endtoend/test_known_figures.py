"""Against services that behave in a known way, the report has the figures that arithmetic says."""

from __future__ import annotations

import pytest
from endtoend.accounts import LOOKS
from endtoend.locust_run import run_locust
from recomputation.document import differences
from standin.expected import EXPECTED
from standin.process import Standin

TRIO = ("--headless", "-u", 3, "-r", 3, "--only-summary")


def figure(document: dict, path: str):
    value = document["metrics"]
    for name in path.split("."):
        value = value[name]
    return value


@pytest.mark.parametrize("mode", EXPECTED)
def test_one_round_has_the_figures_of_arithmetic(mode, tmp_path):
    expected = EXPECTED[mode]
    with Standin(mode) as standin:
        code, document, output = run_locust(
            *TRIO,
            *("--rounds", 1, "--host", standin.url, "--llm-host", standin.url),
            report_dir=tmp_path / "reports",
        )
        calls = standin.calls()
        assert calls.pop("untraced search") == 1, "what is looked at before the load"
    assert document, output
    calls["matrix.search"] -= document["metrics"]["freshness"]["poll"]["count"]
    found = {path: figure(document, path) for path in expected.metrics}
    assert found == {
        path: pytest.approx(value) if isinstance(value, float) else value
        for path, value in expected.metrics.items()
    }
    assert {name: calls.get(name, 0) for name in expected.calls} == expected.calls
    failing = {check["metric"] for check in document["checks"] if check["verdict"] == "fail"}
    assert failing == expected.failing
    unknown = {check["metric"] for check in document["checks"] if check["verdict"] == "unknown"}
    assert unknown == expected.unknown
    assert code == expected.exit_code, output
    assert document["completeness"]["complete"]
    assert differences(document) == []


def test_an_llm_that_answers_prose_fails_the_check_that_asks_for_it(tmp_path):
    with Standin("prose") as standin:
        code, document, output = run_locust(
            *TRIO,
            *("--rounds", 1, "--host", standin.url, "--llm-host", standin.url),
            *("--check", "inbox.unparseable == 0"),
            report_dir=tmp_path / "reports",
        )
    assert code == 3, output
    assert [check["verdict"] for check in document["checks"]] == ["fail"]
    reason = {"step": "llm.parse_demand", "reason": "content: not JSON", "count": 6}
    assert document["metrics"]["llm"]["by_reason"] == [reason]
    said = [step.get("unparseable") for event in document["events"] for step in event["steps"]]
    assert said.count("content: not JSON") == 6
    report = next((tmp_path / "reports").glob("*.md")).read_text()
    assert "| llm.parse_demand | content: not JSON | 6 |" in report.replace("`", "")


def test_expected_and_rejected_are_hits_of_a_corpus(tmp_path):
    with Standin("healthy") as standin:
        _, document, output = run_locust(
            *TRIO,
            *("--rounds", 1, "--host", standin.url, "--llm-host", standin.url),
            report_dir=tmp_path / "reports",
        )
    assert document, output
    events = document["events"]
    # The scenario's own keys: each thing that is asked has one, both arms of a query the same.
    contract = "alpha_milwaukee_distribution"
    for phase, keys in (
        ("handover", {f"handover/1/{contract}/{number}" for number in range(1, 5)}),
        ("handover_paraphrase", {f"handover_paraphrase/1/{contract}/{n}/1" for n in range(1, 5)}),
        ("fresh_resume", {f"fresh_resume/1/{who}/1" for who in ("alice", "bob", "carol")}),
        ("swap", {f"swap/1/{contract}/1"}),
    ):
        assert {event["question"] for event in events if event["phase"] == phase} == keys
    for phase in ("baseline", "reissue", "surge"):
        asked = [event["question"] for event in events if event["phase"] == phase]
        assert len(set(asked)) == len(asked) == 12
    handovers = [event for event in events if event.get("arm")]
    recorded = {
        event["role"]: event["top_k"][1]
        for event in events
        if (event["phase"], event["coordinator"]) == ("baseline", "alice")
    }
    assert len(handovers) == 16
    for event in handovers:
        hit = recorded[event["role"]]
        assert (event["expected"], event["expected_corpus"]) == (hit["id"], hit["corpus"])
    fresh = [event["expected_corpus"] for event in events if event["phase"] == "fresh_resume"]
    assert fresh == ["fresh_workers"] * 3
    first, second = (event for event in events if event["phase"] == "swap")
    hits = [{"id": hit["id"], "corpus": hit["corpus"]} for hit in first["top_k"]]
    assert second["rejected"] == hits
    assert second["exclude_ids"] == [hit["id"] for hit in hits]


@pytest.mark.parametrize(
    "fault",
    ["500", "html", "cut_json", "cut_body", "wrong_types", "id_twice", "nan", "too_many"],
)
def test_an_answer_that_is_not_what_it_should_be_is_a_failed_step_and_the_run_goes_on(
    fault, tmp_path
):
    with Standin("healthy", fault=fault, fault_steps=["matrix.search"], fault_every=2) as standin:
        code, document, output = run_locust(
            *TRIO,
            *("--rounds", 1, "--host", standin.url, "--llm-host", standin.url),
            report_dir=tmp_path / "reports",
        )
        faulted = standin.faulted()["matrix.search"]
    assert document, output
    errors = document["metrics"]["errors"]
    failed = [event for event in document["events"] if event["outcome"] == "failed"]
    assert faulted > 20
    steps = [step for event in document["events"] for step in event["steps"]]
    looks = sum(step["name"] in LOOKS and step["error"] is not None for step in steps)
    freshness = document["metrics"]["freshness"]
    assert looks == freshness["search"]["failed"] + freshness["poll"]["failed"]
    asked = faulted - looks  # looks for new resumes are searches to the service alone
    assert errors["by_step"]["matrix_search"]["failed"] == asked == errors["failed"]
    assert sum(row["count"] for row in errors["by_reason"]) == asked
    assert all(
        (event["top_k"], event["found"]) == ([], None) and event["error"] for event in failed
    )
    assert {step["error"] for event in failed for step in event["steps"] if step["error"]}
    assert code in (3, 4)
    assert "error report" in output.lower()
