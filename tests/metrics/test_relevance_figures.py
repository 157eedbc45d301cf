"""The section of relevance, worked out again from the events in plain Python."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import log2

import msgspec
import pytest
from made_run import K, MadeRun

from mcstress.metrics.event import Graded
from mcstress.metrics.figures import Figures
from mcstress.metrics.phase import PHASES
from mcstress.metrics.relevance import ByTruth
from mcstress.metrics.verdict import evaluate, parse_check

ROUGH = MadeRun(31, faults=0.15).rounds(9, 6)
CHECK = "relevance.precision_at_k >= 0.5"


def figures_of(events):
    figures = Figures(K)
    figures.add_all(events)
    return figures.result()["metrics"]["relevance"]


def again(events):
    """The three means over questions of each question's mean, in fractions."""
    best = sum(Fraction(1 / log2(rank + 1)) for rank in range(1, K + 1))
    lists = defaultdict(list)
    for event in events:
        if event.phase != "baseline" or event.outcome == "cut" or event.gains is None:
            continue
        first = {}
        for hit, gain in zip(event.top_k, event.gains, strict=True):
            first.setdefault((hit.corpus, hit.id), Fraction(gain))
        gains = list(first.values())
        discounted = sum(g * Fraction(1 / log2(r + 1)) for r, g in enumerate(gains, 1))
        fitting = sum(gain > 0 for gain in gains)
        lists[event.variant, event.contract, event.role].append(
            (Fraction(fitting, K), int(bool(gains) and gains[0] > 0), discounted / best)
        )
    means = {
        key: [sum(column) / Fraction(len(rows)) for column in zip(*rows, strict=True)]
        for key, rows in lists.items()
    }
    overall = [sum(column) / len(means) for column in zip(*means.values(), strict=True)]
    return overall, means, sum(map(len, lists.values()))


def test_means_over_questions_are_those_of_the_events():
    found, (overall, means, lists) = figures_of(ROUGH), again(ROUGH)
    told = [found[key] for key in ("precision_at_k", "top1_rate", "mean_gain_at_k")]
    assert told == [pytest.approx(float(value), abs=1e-8) for value in overall]
    assert (found["questions"], found["lists"]) == (len(means), lists)
    assert found["planned"] == sum(e.phase == "baseline" and e.outcome != "cut" for e in ROUGH)
    assert found["not_measured"] is None
    assert 0 < found["ci95"][0] < found["precision_at_k"] < found["ci95"][1] < 1
    worst = sorted(float(gain) for _, _, gain in means.values())[:5]
    assert [one["mean_gain_at_k"] for one in found["worst"]] == pytest.approx(worst, abs=1e-8)


def test_workers_and_the_report_made_again_have_the_same_bits():
    parts = [Figures(K, folds=False) for _ in range(3)]
    for event in ROUGH:
        parts[event.trio % 3].add(event)
    merged = Figures(K)
    for part in parts:
        merged.merge(Figures.from_state(msgspec.json.decode(msgspec.json.encode(part.state()))))
    assert merged.result()["metrics"]["relevance"] == figures_of(ROUGH)


def judged(gains, other=None):
    """The events of a run all of whose baselines were judged so."""
    events = MadeRun(3).rounds(2, 1)
    for event in events:
        if event.phase == "baseline":
            event.gains, event.other_values = gains, other
    return events


def verdict_of(events):
    figures = Figures(K)
    figures.add_all(events)
    (told,) = evaluate(
        [parse_check(CHECK)], figures.result(), selected_phases=PHASES, complete=True
    )
    return told


@pytest.mark.parametrize(
    ("gains", "other", "words"),
    [
        (None, ["field name", "field job"], "no hit has a field that the rules name"),
        ([0.0] * K, ["role: Lagerist", "city: Ulm"], "no hit has a value that the demands ask"),
    ],
)
def test_what_cannot_be_judged_is_not_measured_and_skips_its_checks(gains, other, words):
    events = judged(gains, other)
    found, told = figures_of(events), verdict_of(events)
    assert (found["precision_at_k"], found["mean_gain_at_k"], found["worst"]) == (None, None, [])
    assert found["found_values"] == sorted(other)
    assert (told.verdict, told.value) == ("skipped", None)
    assert words in told.reason
    assert all(value in told.reason for value in other)


def test_one_list_that_can_be_judged_is_enough_to_fail():
    events = judged([0.0] * K, ["role: Lagerist"])
    next(event for event in events if event.phase == "baseline").other_values = None
    assert verdict_of(events).verdict == "fail"


def test_a_search_that_finds_nothing_fails():
    events = judged([])
    for event in events:
        if event.phase == "baseline":
            event.top_k, event.found = [], 0
    assert verdict_of(events).verdict == "fail"


def test_a_scenario_without_rules_leaves_the_check_unknown():
    assert verdict_of(judged(None)).verdict == "unknown"


def test_truth_is_counted_as_the_definitions_say():
    """Grades of hits against 9 relevant ids, the best of which are all of grade 3."""
    best = sum(3 / log2(rank + 1) for rank in range(1, K + 1))
    lists = defaultdict(list)
    for event in ROUGH:
        if event.phase == "baseline" and event.outcome != "cut" and event.truth is not None:
            grades = event.truth.grades
            rank = next((1 / rank for rank, grade in enumerate(grades, 1) if grade), 0)
            gain = sum(grade / log2(rank + 1) for rank, grade in enumerate(grades, 1))
            recall = sum(grade > 0 for grade in grades) / 9
            lists[event.variant, event.contract, event.role].append((recall, gain / best, rank))
    means = [
        [sum(column) / len(rows) for column in zip(*rows, strict=True)] for rows in lists.values()
    ]
    found = figures_of(ROUGH)
    told = [found[key] for key in ("recall_at_k", "ndcg_at_k", "mrr")]
    assert told == [
        pytest.approx(sum(column) / len(means), abs=1e-8) for column in zip(*means, strict=True)
    ]
    assert found["graded_lists"] == sum(map(len, lists.values()))
    assert found["graded_questions"] == len(lists)


def test_relevant_ids_that_no_list_had_are_counted():
    few = [event for event in ROUGH if event.round == 1]
    found, questions = defaultdict(set), set()
    for event in few:
        if event.phase != "baseline" or event.outcome == "cut" or event.truth is None:
            continue
        question = event.variant, event.contract, event.role
        questions.add(question)
        for hit, grade in zip(event.top_k, event.truth.grades, strict=True):
            if grade > 0:
                found[question].add((hit.corpus, hit.id))
    told = figures_of(few)
    assert told["relevant_ids"] == 9 * len(questions)
    assert (
        told["never_found"] == sum(max(9 - len(found[question]), 0) for question in questions) > 0
    )


@pytest.mark.parametrize("grades", [{"a": 3, "b": 1, "z": 2}, {"y": 1}, {"a": 0}])
def test_graded_lists_count_as_ids_and_grades_do(grades):
    ids, relevant = ["b", "x", "a"], [g for g in grades.values() if g > 0]
    by_ids, by_grades = ByTruth(), ByTruth()
    by_ids.add(1, "q", ids, grades, 3)
    listed = [grades.get(one, 0) for one in ids]
    best = sorted(relevant, reverse=True)[:3]
    by_grades.add_graded(1, "q", Graded(listed, len(relevant), best), 3)
    assert by_ids.state() == by_grades.state()


def test_truth_is_measured_where_rules_are_not():
    events = judged(None, ["field name"])
    figures = Figures(K)
    figures.add_all(events)
    (told,) = evaluate(
        [parse_check("relevance.recall_at_k >= 0")], figures.result(),
        selected_phases=PHASES, complete=True,
    )  # fmt: skip
    assert told.verdict == "pass"


def test_overlap_with_rest_is_the_mean_over_questions():
    lists = defaultdict(list)
    for event in ROUGH:
        if event.phase == "baseline" and event.outcome != "cut" and event.rest_overlap is not None:
            lists[event.variant, event.contract, event.role].append(event.rest_overlap)
    figures = Figures(K)
    figures.add_all(ROUGH)
    found = figures.result()["metrics"]["stability"]["against_rest"]
    mean = sum(sum(rows) / len(rows) for rows in lists.values()) / len(lists)
    assert found["mean_overlap"] == pytest.approx(mean, abs=1e-8)
    assert (found["lists"], found["questions"]) == (sum(map(len, lists.values())), len(lists))
