"""Why answers of the LLM could not be used, counted by step and reason."""

from __future__ import annotations

import pytest
from made_run import K, at

from mcstress.metrics.event import Event, StepRecord
from mcstress.metrics.figures import Figures
from mcstress.metrics.unparseable import NOT_KEPT
from mcstress.metrics.verdict import evaluate, parse_check

FENCED = "content: not JSON, in a Markdown fence"
CUT = "content: JSON cut short, done_reason length"


def event(seq, *steps, phase="inbox", **fields):
    return Event(
        seq=seq, worker="w#1", time=at(seq), round=1, trio=1, phase=phase, coordinator="alice",
        k=K, steps=list(steps), users=seq, **fields,
    )  # fmt: skip


def step(name, unparseable=None, error=None):
    return StepRecord(f"llm.{name}", at(1), 3.0, error, unparseable=unparseable)


EVENTS = [
    event(1, step("parse_demand", FENCED), parse_status="unparseable"),
    event(2, step("parse_demand", FENCED), parse_status="unparseable"),
    event(3, step("parse_demand"), step("judge_top1", CUT), parse_status="parsed"),
    event(4, step("parse_demand"), step("judge_top1"), parse_status="parsed", rating=4),
    event(5, step("parse_demand", error="HTTP 503"), parse_status="failed"),
    event(6, step("paraphrase", CUT), phase="handover_paraphrase", parse_status="unparseable"),
]
REASONS = [
    {"step": "llm.parse_demand", "reason": FENCED, "count": 2},
    {"step": "llm.judge_top1", "reason": CUT, "count": 1},
    {"step": "llm.paraphrase", "reason": CUT, "count": 1},
]


def figures_of(events, **options):
    figures = Figures(K, **options)
    figures.add_all(events)
    return figures


def test_reasons_are_counted_like_those_of_failed_steps():
    found = figures_of(EVENTS).result()["metrics"]
    llm = found["llm"]
    assert (llm["answers"], llm["unparseable"], llm["unparseable_rate"]) == (7, 4, 4 / 7)
    assert llm["by_reason"] == REASONS
    assert found["errors"]["failed"] == 1


def test_what_a_worker_hands_over_adds_up_to_the_same():
    whole = Figures(K)
    for part in (EVENTS[:2], EVENTS[2:]):
        whole.merge(Figures.from_state(figures_of(part, folds=False).state()))
    assert whole.result()["metrics"]["llm"] == figures_of(EVENTS).result()["metrics"]["llm"]


def test_events_of_an_older_version_are_counted_without_their_reason():
    old = [
        event(1, step("parse_demand"), parse_status="unparseable"),
        event(2, step("parse_demand"), step("judge_top1"), parse_status="parsed"),
        event(3, step("parse_demand"), step("judge_top1"), outcome="cut", parse_status="parsed"),
    ]
    llm = figures_of(old).result()["metrics"]["llm"]
    assert {(row["step"], row["reason"]) for row in llm["by_reason"]} == {
        ("llm.parse_demand", NOT_KEPT),
        ("llm.judge_top1", NOT_KEPT),
    }
    assert llm["unparseable"] == 2


DECLINED = "declined: the hit names no role"


def judged(*said):
    """The results of messages whose judge said each of ``said``; None: it rated 4."""
    events = [
        event(
            seq,
            step("judge_top1", why),
            parse_status="parsed",
            question=f"inbox/1/alice/{seq}",
            rating=None if why else 4,
        )
        for seq, why in enumerate(said, 1)
    ]
    return figures_of(events).result()


def outcome(name, results):
    checks = [parse_check(name)]
    return evaluate(checks, results, selected_phases=["inbox"], complete=True)[0]


@pytest.mark.parametrize("name", ["inbox.mean_rating >= 3", "inbox.rated_rate >= 0.9"])
def test_ratings_for_which_rules_had_no_ground_are_not_measured(name):
    """Rated 1 each, they said that a search is bad of which nothing was known."""
    results = judged(*[DECLINED] * 6)
    told = outcome(name, results)
    assert (told.verdict, told.value) == ("skipped", None)
    assert told.reason.startswith("not measured: the built-in rules know people by their role")
    assert results["metrics"]["inbox"]["declined"] == 6
    assert results["metrics"]["inbox"]["unparseable_ratings"] == 0


def test_a_hit_that_names_no_role_beside_others_that_do_was_asked_for_in_vain():
    results = judged(DECLINED, None, None, None)
    assert outcome("inbox.rated_rate >= 0.9", results).verdict == "fail"
    inbox = results["metrics"]["inbox"]
    assert (inbox["rated_rate"], inbox["not_measured"], inbox["mean_rating"]) == (3 / 4, None, 4.0)


def test_answers_that_cannot_be_used_are_no_want_of_ground():
    assert outcome("inbox.rated_rate >= 0.9", judged(*[CUT] * 6)).verdict == "fail"
