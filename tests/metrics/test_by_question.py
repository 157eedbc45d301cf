"""Rates and lifts over questions, against fractions, scipy and brute force."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import count, groupby
from math import sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mcstress.metrics import by_question
from mcstress.metrics.by_question import (
    NANO,
    ByQuestion,
    lift_questions_needed,
    questions_needed,
)
from mcstress.metrics.intervals import bonett_price, wilson

Z = float(stats.norm.ppf(0.975))

unit_and_question = st.tuples(st.integers(1, 7), st.sampled_from("abcdef"))
hits = st.lists(st.tuples(unit_and_question, st.integers(0, 1)), min_size=1, max_size=80)
differences = st.lists(st.tuples(unit_and_question, st.integers(-1, 1)), min_size=1, max_size=80)


def counted(samples, figures=1):
    made = ByQuestion(figures)
    for (unit, question), *values in samples:
        made.add(unit, question, *values)
    return made


@given(st.lists(st.tuples(unit_and_question, st.integers(-9, 9), st.integers(0, 9))), st.data())
def test_samples_that_wait_are_in_every_sum(samples, data):
    """Whatever is read in between, and however few may wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_question, "WAITING", data.draw(st.integers(0, 5)))
        made = ByQuestion(2)
        for (unit, question), first, second in samples:
            made.add(unit, question, first, second)
            if data.draw(st.booleans()):
                len(made)
        expected = {}
        for key, first, second in samples:
            number, left, right = expected.get(key, (0, 0, 0))
            expected[key] = number + 1, left + first, right + second
        assert [(key, n, sums) for key, n, sums in made.rows()] == [
            (key, n, sums) for key, (n, *sums) in sorted(expected.items())
        ]


def exact_means(samples):
    """Each question's mean as a fraction, by (unit, question)."""
    grouped = groupby(sorted(samples), key=lambda sample: sample[0])
    values = {key: [value for _, value in rows] for key, rows in grouped}
    return {key: Fraction(sum(them), len(them)) for key, them in values.items()}


def jackknifed(means, low, high, lowest):
    """``(low, high)``, from five units on joined with the units' jackknife, in fractions."""
    units = sorted({unit for unit, _ in means})
    if len(units) < 5:
        return low, high
    mean = sum(means.values()) / len(means)
    left_out = []
    for unit in units:
        rest = [value for (its, _), value in means.items() if its != unit]
        left_out.append(sum(rest) / len(rest))
    middle = sum(left_out) / len(units)
    spread = sum((each - middle) ** 2 for each in left_out) * Fraction(len(units) - 1, len(units))
    half = float(stats.t.ppf(0.975, len(units) - 1)) * sqrt(spread)
    return max(min(low, float(mean) - half), lowest), min(max(high, float(mean) + half), 1.0)


@given(hits)
def test_a_rate_is_the_mean_over_questions_of_each_questions_mean(samples):
    found, means = counted(samples).rate(), exact_means(samples)
    mean = float(sum(means.values()) / len(means))
    low, high = wilson(mean, len(means))
    assert found.value == pytest.approx(mean, abs=1e-12)
    assert found.ci95 == pytest.approx(jackknifed(means, low, high, 0.0), abs=1e-9)
    assert (found.questions, found.samples) == (len(means), len(samples))
    assert found.units == len({unit for unit, _ in means})
    assert found.ci95_label == ("over trios" if found.units >= 5 else "within these trios")
    assert not found.sampled


@given(differences)
def test_a_lift_counts_each_questions_mean_difference_once(samples):
    found, means = counted(samples).lift(), exact_means(samples)
    n = len(means)
    b = sum(max(d, Fraction(0)) for d in means.values())
    c = sum(max(-d, Fraction(0)) for d in means.values())
    p, q = (b + 1) / (n + 2), (c + 1) / (n + 2)
    half = Z * sqrt((p + q - (p - q) ** 2) / (n + 2))
    low, high = max(float(p - q) - half, -1.0), min(float(p - q) + half, 1.0)
    assert found.value == pytest.approx(float((b - c) / n), abs=1e-12)
    assert found.ci95 == pytest.approx(jackknifed(means, low, high, -1.0), abs=1e-9)
    better, worse = sum(d > 0 for d in means.values()), sum(d < 0 for d in means.values())
    expected = 1.0
    if better + worse:
        expected = stats.binomtest(min(better, worse), better + worse, 0.5).pvalue
    assert found.mcnemar_p == pytest.approx(expected, abs=1e-12)
    assert (found.better, found.worse, found.questions) == (better, worse, n)


def test_asking_again_adds_no_witness():
    """One question of four is helped: 40 rounds say no more than one does."""
    once = [((1, key), int(key == "a")) for key in "abcd"]
    first, fortieth = counted(once), counted(once * 40)
    assert first.rate().ci95 == fortieth.rate().ci95 == wilson(0.25, 4)
    assert first.lift().ci95 == fortieth.lift().ci95 == bonett_price(1, 0, 4)
    assert fortieth.lift().mcnemar_p == 1.0
    assert fortieth.rate().samples == 160


def test_a_question_that_is_asked_more_often_weighs_no_more():
    asked = [((1, "often"), 1)] * 99 + [((1, "once"), 0)]
    assert counted(asked).rate().value == 0.5


@given(st.lists(
    st.tuples(unit_and_question, st.integers(-NANO, NANO), st.integers(0, 1)), max_size=60,
), st.randoms())  # fmt: skip
def test_parts_add_up_to_the_same_bits_in_any_order(samples, random):
    whole = counted(samples, 2)
    parts = [ByQuestion(2) for _ in range(3)]
    for key, *values in samples:
        random.choice(parts).add(*key, *values)
    random.shuffle(parts)
    merged = ByQuestion(2)
    for part in parts:
        if state := part.state():
            merged.restore(json.loads(json.dumps(state)))
    by_merge = ByQuestion(2)
    for part in parts:
        by_merge.merge(part)
    assert merged.state() == by_merge.state() == whole.state()
    if samples:
        assert merged.lift(1) == whole.lift(1)


def test_what_is_not_whole_is_summed_in_billionths():
    made = counted([((1, "a"), NANO // 4), ((1, "a"), NANO // 2), ((2, "b"), NANO)])
    assert made.rate(scale=NANO).value == (0.375 + 1) / 2


def test_nothing_counted_says_nothing():
    empty = ByQuestion()
    assert (empty.rate(), empty.lift(), empty.state(), len(empty)) == (None, None, {}, 0)


def test_another_number_of_values_is_refused():
    with pytest.raises(ValueError, match="1 values of a question; 2 are counted"):
        ByQuestion(2).add(1, "a", 1)


def test_of_too_many_questions_a_fixed_choice_is_kept_with_whole_sums(monkeypatch):
    monkeypatch.setattr(by_question, "KEPT", 50)
    samples = [((n % 3, f"wording {n}"), n % 2) for n in range(500)]
    states = []
    for seed in range(3):
        random, parts = Random(seed), [ByQuestion() for _ in range(4)]
        shuffled = random.sample(samples * 2, 1000)
        for key, value in shuffled:
            random.choice(parts).add(*key, value)
        merged = ByQuestion()
        for part in parts:
            merged.merge(part)
        states.append(merged.state())
        assert len(merged._rows) <= 100
    assert states[0] == states[1] == states[2]
    rows = states[0]["rows"]
    assert len(rows) == 50
    assert all(asked == 2 for _, _, asked, _ in rows)
    made = ByQuestion()
    made.restore(states[0])
    rate = made.rate()
    assert (rate.questions, rate.samples, rate.sampled) == (50, 1000, True)


@pytest.mark.parametrize(("number", "most"), [(32, 2_000), (1_000, 60_000), (100_000, 600_000)])
def test_the_state_is_as_small_as_is_said(number, most):
    made = ByQuestion()
    for n in range(number):
        made.add(n % 9, f"handover/{n % 9}/bob@alpha/{n:012d}/wording", 1)
    assert made.samples == number
    assert most / 2 < len(json.dumps(made.state(), separators=(",", ":"))) < most


@pytest.mark.parametrize(("operator", "threshold", "needed"), [
    (">=", 0.95, 73), (">=", 0.9, 35), (">=", 0.5, 4), ("<=", 0.05, 73), (">=", 0.0, 1),
    (">=", 1.0, None), (">", 1.0, None), ("==", 1.0, None), ("!=", 0.5, None),
])  # fmt: skip
def test_how_many_questions_settle_a_check(operator, threshold, needed):
    assert questions_needed(operator, threshold) == needed


@given(st.sampled_from([">", ">=", "<", "<="]), st.integers(1, 19), st.integers(0, 20))
def test_as_many_are_needed_as_by_trying_each_number(operator, threshold, mean):
    threshold, mean = threshold / 20, mean / 20
    if abs(mean - threshold) < 0.09:
        return
    for n in count(1):
        low, high = wilson(mean, n)
        if high < threshold or low > threshold:
            break
    found = questions_needed(operator, threshold, mean)
    assert n - 1 <= found <= n  # an end that is the threshold itself may count


def test_how_many_questions_settle_a_check_of_a_lift():
    for threshold, gained, lost in (
        (0.0, 1.0, 0.0),
        (0.3, 1.0, 0.0),
        (0.8, 1.0, 0.0),
        (0.0, 0.25, 0.0),
        (0.0, 0.3, 0.05),
        (0.1, 0.25, 0.0),
    ):
        settled = [bonett_price(gained * n, lost * n, n)[0] > threshold for n in range(1, 2000)]
        needed = lift_questions_needed(">", threshold, gained, lost)
        assert needed == 1 + settled.index(True)
        assert all(settled[needed - 1 :])
    assert lift_questions_needed(">", 0.0, gained=0.25, lost=0.25) is None
    assert lift_questions_needed("==", 0.5) is None
