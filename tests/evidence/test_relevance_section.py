"""The section on relevance: when it was not measured, the worst questions, what was left out."""

import pytest
from made_report import MadeRun, head_of, typed

from mcstress.evidence.report.sections.relevance import against_rest, not_measured, relevance

JUDGED = {
    "precision_at_k": 0.75, "ci95": [0.6, 0.9], "top1_rate": 0.8, "top1_ci95": [0.6, 0.9],
    "mean_gain_at_k": 0.7, "mean_gain_ci95": [0.6, 0.8], "lists": 40, "questions": 24,
    "planned": 40, "without_fields": 0, "other_words": 0,
}  # fmt: skip
ROLES = ["welder", "cook"]


@pytest.fixture(scope="module")
def head():
    head = head_of(MadeRun().events(trios=1, rounds=1))
    contracts = [{"name": "alpha", "demands": [{"role": role} for role in ROLES]}]
    return head | {"scenario": head["scenario"] | {"variants": [{"contracts": contracts}]}}


def document(head, **figure):
    return typed(head | {"metrics": head["metrics"] | {"relevance": figure}})


def test_what_was_judged_has_its_figure_and_its_interval(head):
    section = relevance(document(head, **JUDGED))
    assert (section.headline.value, section.headline.interval) == ("0.750", "[0.600, 0.900]")
    assert section.answer.words != "not measured"
    (table,) = section.tables
    name, value = table.rows[0][:2]
    assert name.startswith("hits that fit (precision@K)")
    assert value == "0.750"


@pytest.mark.parametrize(
    ("figure", "said", "tone"),
    [
        ({"not_measured": "no hit has a field role"},
         "Relevance was not measured by rule: no hit has a field role.", "fair"),
        ({"lists": 0}, "No list was judged by a rule of the scenario.", "none"),
    ],
)  # fmt: skip
def test_where_no_list_was_judged_no_figure_by_rule_is_shown(head, figure, said, tone):
    section = relevance(document(head, **JUDGED | figure))
    assert (section.lead, section.answer.words, section.answer.tone) == (
        said,
        "not measured",
        tone,
    )
    assert section.headline is None
    assert section.tables == []


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        ({}, ""),
        ({"relevance": "x"}, "relevance was not measured"),
        ({"inbox": "x"}, "the rating of hits was not measured"),
        ({"relevance": "x", "inbox": "x"}, "relevance and the rating of hits were not measured"),
    ],
)
def test_the_verdicts_line_names_what_was_not_measured(head, reasons, said):
    metrics = head["metrics"] | {
        name: head["metrics"].get(name, {}) | {"not_measured": reason}
        for name, reason in reasons.items()
    }
    assert not_measured(typed(head | {"metrics": metrics})) == said


def test_the_questions_that_found_least_are_named_by_contract_and_role(head):
    worst = [{"question": "baseline/1/alpha/2", "unit": 1, "precision_at_k": 0.125,
              "mean_gain_at_k": 0.1, "lists": 4}]  # fmt: skip
    section = relevance(document(head, **JUDGED, worst=worst))
    assert section.tables[-1].rows == [["alpha: cook", "1", "0.125", "0.100", "4"]]


def test_lists_that_say_nothing_are_counted_by_why(head):
    notes = relevance(document(head, **JUDGED | {"without_fields": 1, "other_words": 3})).notes
    assert "1 list with no field that a rule names: not counted." in notes
    said = "3 lists with no value that a demand asks for: counted as hits that do not fit."
    assert said in notes
    assert not [note for note in relevance(document(head, **JUDGED)).notes if " list" in note[:8]]


def test_relevant_ids_that_no_list_had_are_of_all(head):
    truth = {"never_found": 3, "relevant_ids": 1200}
    (said,) = (
        note for note in relevance(document(head, **JUDGED | truth)).notes if "By truth" in note
    )
    assert said.startswith("By truth: 3 of 1,200 relevant ids were in no list of their question.")


def at_rest(head, questions, **more):
    overlap = {"mean_overlap": 0.9, "ci95": [0.8, 1.0], "lists": 8, "questions": questions} | more
    metrics = head["metrics"] | {"stability": {"against_rest": overlap}}
    return against_rest(typed(head | {"metrics": metrics, "load_curve": []}))


def test_questions_that_were_not_compared_with_rest_are_told(head):
    (some,), (every,) = at_rest(head, 1), at_rest(head, 2)
    assert some.notes == [
        (
            "1 of 2 questions of the scenario were compared: the others were not asked at rest, or "
            "not again under load."
        )
    ]
    assert every.notes == []
    assert every.tables[0].rows == [["all", "0.900", "[0.800, 1.000]", "2", "8"]]
    assert at_rest(head, 0, lists=0) == []
