"""Relevance against fractions by the definitions, and against trec_eval."""

from __future__ import annotations

import json
from fractions import Fraction
from math import log2

import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from mcstress.metrics.relevance import (
    ByRule,
    ByTruth,
    fits,
    mean_gain_at_k,
    ndcg_at_k,
    recall_at_k,
    reciprocal_rank,
)

K = 8
gain = st.sampled_from([0.0, 0.25, 1 / 3, 0.7, 1.0])
lists = st.lists(
    st.tuples(
        st.integers(1, 6), st.sampled_from("abcd"), st.lists(gain, max_size=K), st.integers(1, K)
    ),
    min_size=1,
    max_size=30,
)
ids = st.permutations([f"id{n}" for n in range(12)]).flatmap(
    lambda order: st.integers(0, 12).map(lambda n: order[:n])
)
grades = st.dictionaries(
    st.sampled_from([f"id{n}" for n in range(15)]), st.integers(0, 3), min_size=1
)


def discount(rank):
    return Fraction(1 / log2(rank + 1))


def by_definition(gains, k):
    """Precision, top-1 and mean gain in fractions."""
    fitting = Fraction(len([g for g in gains[:k] if g > 0]), k)
    best = sum(discount(rank) for rank in range(1, k + 1))
    got = sum(Fraction(g) * discount(rank) for rank, g in enumerate(gains[:k], 1))
    return fitting, Fraction(int(bool(gains) and gains[0] > 0)), got / best


@given(st.lists(gain, max_size=12), st.integers(1, 10))
def test_gains_are_summed_as_defined(gains, k):
    precision, _, mean = by_definition(gains, k)
    assert Fraction(fits(gains, k), k) == precision
    assert mean_gain_at_k(gains, k) == pytest.approx(float(mean), abs=1e-12)


@given(lists)
def test_rates_are_means_over_questions_of_each_questions_mean(rows):
    made, values = ByRule(), {}
    for unit, question, gains, k in rows:
        made.add(unit, question, gains, k)
        values.setdefault((unit, question), []).append(by_definition(gains, k))
    found = made.rates()
    for at, name in enumerate(("precision_at_k", "top1_rate", "mean_gain_at_k")):
        means = [sum(value[at] for value in its) / len(its) for its in values.values()]
        assert found[name].value == pytest.approx(float(sum(means) / len(means)), abs=1e-9)
        assert found[name].questions == len(values)


@pytest.mark.parametrize("k", [1, 3, 8, 50])
def test_full_fits_have_exactly_one(k):
    made = ByRule()
    for _ in range(3):
        made.add(1, "a", [1.0] * k, k)
    assert [rate.value for rate in made.rates().values()] == [1.0, 1.0, 1.0]


def test_the_right_role_in_the_wrong_city_has_precision_and_little_gain():
    assert fits([0.3] * K, K) == K
    assert mean_gain_at_k([0.3] * K, K) == pytest.approx(0.3)


def test_an_empty_list_counts_and_no_list_does_not():
    made = ByRule()
    assert set(made.rates().values()) == {None}
    made.add(1, "a", [], K)
    assert [rate.value for rate in made.rates().values()] == [0.0, 0.0, 0.0]


@given(lists, st.randoms())
def test_parts_add_up_to_the_same_bits_in_any_order(rows, random):
    whole, parts = ByRule(), [ByRule() for _ in range(3)]
    for row in rows:
        whole.add(*row)
        random.choice(parts).add(*row)
    random.shuffle(parts)
    merged = ByRule()
    for part in parts:
        merged.restore(json.loads(json.dumps(part.state())))
    assert merged.state() == whole.state()
    assert merged.rates() == whole.rates()


@given(ids, grades, st.sampled_from([1, 3, 5, 10]))
def test_truth_is_trec_evals(listed, graded, k):
    found = {
        "recall": recall_at_k(listed, graded, k),
        "ndcg": ndcg_at_k(listed, graded, k),
        "rank": reciprocal_rank(listed, graded),
    }
    if not any(graded.values()):
        assert set(found.values()) == {None}
        return
    measures = {f"recall.{k}", f"ndcg_cut.{k}", "recip_rank"}
    evaluator = pytrec_eval.RelevanceEvaluator({"q": graded}, measures)
    run = {who: float(len(listed) - at) for at, who in enumerate(listed)}
    expected = evaluator.evaluate({"q": run}).get("q") or dict.fromkeys(
        (f"recall_{k}", f"ndcg_cut_{k}", "recip_rank"), 0.0
    )
    assert found["recall"] == pytest.approx(expected[f"recall_{k}"], abs=1e-9)
    assert found["ndcg"] == pytest.approx(expected[f"ndcg_cut_{k}"], abs=1e-9)
    assert found["rank"] == pytest.approx(expected["recip_rank"], abs=1e-9)


def test_trec_eval_grades_are_gains_not_powers_of_two():
    graded = {"a": 3, "b": 1}
    expected = (1 + 3 / log2(3)) / (3 + 1 / log2(3))
    assert ndcg_at_k(["b", "a"], graded, 2) == pytest.approx(expected, abs=1e-12)
    assert ndcg_at_k(["b", "a"], {"a": 3, "b": 1, "c": -1}, 2) == pytest.approx(expected, abs=1e-12)


def test_questions_without_truth_are_counted_apart():
    made = ByTruth()
    made.add(1, "a", ["x", "y", "z"], {"y": 1, "w": 2}, 2)
    made.add(1, "a", ["w", "y", "z"], {"y": 1, "w": 2}, 2)
    made.add(1, "b", ["x"], {"x": 0}, 2)
    made.add(2, "c", ["z", "q", "x"], {"x": 1}, 2)
    rates = made.rates()
    assert (rates["recall_at_k"].value, rates["recall_at_k"].questions) == (0.375, 2)
    assert rates["mrr"].value == (0.75 + 0) / 2
    assert (len(made.ungraded), made.ungraded.samples) == (1, 1)
    again = ByTruth()
    again.restore(json.loads(json.dumps(made.state())))
    assert again.rates() == rates
