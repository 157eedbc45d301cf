"""The verdict in one line: how sure it is, what would settle it, and what failed."""

from __future__ import annotations

import msgspec
import pytest

from mcstress.evidence.document_parts import AskedScenario, Completeness, RunSection, Service
from mcstress.evidence.report.verdict_line import verdict_line
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.phase import PHASES
from mcstress.metrics.verdict import evaluate, overall, parse_check
from mcstress.users.scenarios.load import load_scenario

THREE_CITIES = msgspec.to_builtins(load_scenario("three_cities"))
LOW, HIGH = 0.893, 1.0
RESULTS = {
    "metrics": {
        "determinism": {
            "mean_jaccard": 1.0, "ci95": [0.962, 1.0], "pairs": 96, "questions": 96, "planned": 96,
        },
        "handover": {
            "verbatim": {
                "top1_rate": 1.0, "ci95": [LOW, HIGH], "queries": 32, "questions": 32,
                "planned": 32,
            }
        },
        "swap": {"swaps": 8, "questions": 8, "returned": 0, "planned": 8},
    }
}  # fmt: skip


def document_of(*checks, results=RESULTS, phases=tuple(PHASES), **fields):
    outcomes = evaluate(
        [parse_check(check) for check in checks],
        results,
        selected_phases=phases,
        complete=True,
        there_are=AskedScenario.of(THREE_CITIES).questions(),
    )
    return RunDocument(checks=outcomes, verdict=overall(outcomes), **fields)


DETERMINISM, HANDOVER = "determinism.mean_jaccard >= 0.95", "handover.verbatim.top1_rate >= 0.95"
SWAP = "swap.returned == 0"


def test_the_scenario_has_so_many_questions():
    assert AskedScenario.of(THREE_CITIES).questions() | {"inbox": 0} == {
        "determinism": 96, "handover.verbatim": 32, "handover.paraphrase": 32, "freshness": 24,
        "swap": 8, "inbox": 0, "relevance": 96, "diversity.same_role_across_contracts": 72,
        "diversity.different_roles_within_contract": 144,
    }  # fmt: skip
    by_llm = AskedScenario.of(THREE_CITIES | {"paraphrases_by": "llm"}).questions()
    assert "handover.paraphrase" not in by_llm
    assert AskedScenario().questions() == {}


def test_a_pass_says_how_sure_it_is_and_what_the_scenario_cannot_settle():
    assert verdict_line(document_of(DETERMINISM, HANDOVER, SWAP)) == (
        "PASS: 3 checks, 1 certain, 1 without an interval; not settled: "
        "handover.verbatim.top1_rate needs 73 questions, "
        "the scenario has 32"
    )
    few = msgspec.json.decode(msgspec.json.encode(RESULTS))
    few["metrics"]["determinism"] |= {"questions": 12, "pairs": 12, "ci95": [0.757, 1.0]}
    few["metrics"]["determinism"]["planned"] = 12
    assert verdict_line(document_of(DETERMINISM, results=few)) == (
        "PASS: 1 check, 0 certain; not settled: determinism.mean_jaccard needs 73 questions, "
        "12 were asked"
    )


def test_what_was_not_chosen_is_counted_as_skipped():
    told = verdict_line(document_of(DETERMINISM, SWAP, phases=("baseline", "reissue")))
    assert told == "PASS: 1 check, 1 certain, 1 skipped"


def test_a_failure_is_named_with_value_and_threshold():
    told = verdict_line(document_of(DETERMINISM, "determinism.mean_jaccard < 0.3", SWAP))
    assert told == "FAIL: determinism.mean_jaccard = 1.000, expected < 0.3; 1 of 3 checks failed"


@pytest.mark.parametrize(("name", "says"), [("gateway", True), ("LLM", False)])
def test_a_built_in_gateway_is_named(name, says):
    run = RunSection(services=[Service(name=name, embedded=True)])
    told = verdict_line(document_of(DETERMINISM, run=run))
    assert told.endswith("; built-in server: this says nothing about yours") == says


def test_what_is_missing_comes_first():
    lost = Completeness(faults=["worker-2 was lost"])
    assert verdict_line(RunDocument(checks=document_of(SWAP).checks, completeness=lost)) == (
        "UNKNOWN: incomplete: worker-2 was lost; 0 of 1 check unknown"
    )
    assert verdict_line(RunDocument()) == "UNKNOWN: no check was made"


def test_questions_enough_do_not_settle_where_groups_of_users_differ():
    wide = RESULTS["metrics"]["determinism"] | {"ci95": [0.9, 1.0]}
    document = document_of(DETERMINISM, results={"metrics": {"determinism": wide}})
    (check,) = document.checks
    assert (check.enough, check.questions) == (73, 96)
    assert check.reason.endswith(
        "; groups of users differ too much from one another, though 96 questions would do"
    )
    assert verdict_line(document) == (
        "PASS: 1 check, 0 certain; not settled: determinism.mean_jaccard (groups of users differ "
        "too much from one another)"
    )
