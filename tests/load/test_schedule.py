"""The schedule of arrivals: a pure function, with the law that was asked for."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, kstest, poisson

from mcstress.load.schedule import ArrivalRate, RatePlan, ScheduleSecond, TrialPlan, dealt, places

SEEDS = st.integers(0, 2**32)
RATES = st.floats(0.01, 400)


def whole(second, kind, seed):
    return places(second, kind, seed).tolist()


@settings(max_examples=40)
@given(SEEDS, RATES, st.integers(0, 10**6), st.sampled_from(["poisson", "constant"]),
       st.lists(st.integers(0, 9), min_size=1, max_size=8))  # fmt: skip
def test_any_number_of_processes_has_the_same_arrivals_each_once(seed, rate, number, kind, users):
    second = ScheduleSecond(number, rate, rate * number)
    shares = [(f"worker-{place}", count) for place, count in enumerate(users)]
    parts = [part.tolist() for _, part in dealt(second, kind, seed, shares)]
    alone = dict(dealt(second, kind, seed, [("local", 1)]))["local"].tolist()
    assert alone == whole(second, kind, seed)
    assert sorted(chain(*parts)) == (alone if sum(users) else [])
    for part, count in zip(parts, users, strict=True):
        share = Fraction(count, sum(users) or 1) * len(alone)
        # A process with n of N users gets n of every N arrivals, give or take one.
        assert abs(len(part) - share) <= max(1, count)
        assert count or not part


def test_nine_users_on_two_workers_get_five_and_four_ninths():
    shares = [("a", 5), ("b", 4), ("c", 0)]
    totals = dict.fromkeys("abc", 0)
    for number in range(2000):
        for name, part in dealt(ScheduleSecond(number, 4.5, 4.5 * number), "constant", 1, shares):
            totals[name] += len(part)
    assert totals == {"a": 5000, "b": 4000, "c": 0}


def test_counts_are_poisson_and_places_uniform():
    rate, seconds = 7.5, 4000
    drawn = [whole(ScheduleSecond(number, rate, 0.0), "poisson", 11) for number in range(seconds)]
    counts = np.bincount([len(one) for one in drawn], minlength=25)
    expected = seconds * poisson.pmf(np.arange(25), rate)
    often = expected >= 5
    statistic = ((counts[often] - expected[often]) ** 2 / expected[often]).sum()
    assert chi2.sf(statistic, often.sum() - 1) > 0.001
    assert kstest(np.concatenate(drawn), "uniform").pvalue > 0.001
    gaps = [b - a for one in drawn for a, b in pairwise(one)]
    assert min(gaps) >= 0


@settings(max_examples=40)
@given(st.floats(0.05, 300), st.integers(1, 40))
def test_constant_arrivals_have_equal_gaps_across_seconds(rate, seconds):
    plan = RatePlan(ArrivalRate(rate, rate))
    times = [
        number + place
        for number in range(seconds)
        for place in whole(plan.second(number), "constant", 5)
    ]
    assert abs(len(times) - rate * seconds) <= 0.5 + 1e-6
    for nth, time in enumerate(times):
        assert time == pytest.approx((nth + 0.5) / rate, abs=1e-6)


def test_a_ramp_offers_what_lies_under_its_line():
    ramp = ArrivalRate(10, 100, 60)
    assert ramp.up_to(60) == pytest.approx(3300)
    assert ramp.up_to(70) == pytest.approx(3300 + 1000)
    plan = RatePlan(ramp)
    each = [plan.second(number) for number in range(60)]
    assert each[0].rate_per_s == pytest.approx(10.75)
    assert sum(one.rate_per_s for one in each) == pytest.approx(3300)
    made = sum(len(whole(one, "constant", 1)) for one in each)
    assert made == 3300
    assert RatePlan(ArrivalRate(0, 100, 2.5)).second(2).rate_per_s == pytest.approx(125 - 80 + 50)


def test_a_change_holds_for_later_seconds_only():
    plan, changed = RatePlan(ArrivalRate(3, 3)), RatePlan(ArrivalRate(3, 3))
    before = [whole(plan.second(number), "poisson", 2) for number in range(10)]
    assert before == [whole(changed.second(number), "poisson", 2) for number in range(10)]
    changed.change(ArrivalRate(20, 20), 10)
    assert changed.second(10) == ScheduleSecond(10, 20, 30)
    after = [len(whole(changed.second(number), "constant", 2)) for number in range(10, 15)]
    assert after == [20] * 5


def test_the_schedule_is_what_it_was():
    """A run asked for again has the same arrivals, with another numpy too."""
    found = whole(ScheduleSecond(3, 5.0, 15.0), "poisson", 42)
    assert [round(place, 6) for place in found] == [0.169944, 0.252389, 0.838955, 0.895507]


def test_trials_have_their_seconds_and_nothing_in_between():
    plan = TrialPlan(ArrivalRate(5, 5))
    assert plan.second(0) is None
    plan.begin(1, 20, 3, 2)
    found = [plan.second(number) for number in range(8)]
    assert found[3:5] == [ScheduleSecond(3, 20, 0, 1), ScheduleSecond(4, 20, 20, 1)]
    assert [*found[:3], *found[5:]] == [None] * 6
    plan.begin(2, 30, 9, 1)
    assert [plan.second(number) for number in (8, 9, 10)] == [
        None,
        ScheduleSecond(9, 30, 0, 2),
        None,
    ]
