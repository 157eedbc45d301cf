"""The tests behind ``compare``, against scipy, brute force and simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mcstress.evidence.compare.paired import paired_test


@pytest.mark.parametrize("size", [6, 9, 13])
def test_few_differences_are_tested_exactly_as_scipy_does(size):
    values = np.random.default_rng(size).normal(0.4, 1, size)
    ours = paired_test(values, span=9)
    theirs = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert ours.p == pytest.approx(theirs.pvalue)
    assert ours.effect == pytest.approx(values.mean())
    assert ours.least_p == 2 / 2**size


def test_many_differences_are_tested_as_scipy_does_within_chance():
    values = np.random.default_rng(1).normal(0.25, 1, 60)
    theirs = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=99_999, rng=2
    )
    # Four standard deviations of 9,999 draws.
    slack = 4 * (theirs.pvalue * (1 - theirs.pvalue) / 9999) ** 0.5
    assert paired_test(values, span=9).p == pytest.approx(theirs.pvalue, abs=slack)


def test_five_differences_prove_nothing():
    result = paired_test([1.0] * 5)
    assert (result.effect, result.ci95, result.p) == (1.0, None, None)


def test_the_interval_holds_the_shifts_that_the_test_does_not_reject():
    values = np.random.default_rng(3).normal(0.2, 0.3, 11)
    low, high = paired_test(values, span=9).ci95
    near = 1e-6
    for shift, rejected in (
        (low + near, False),
        (high - near, False),
        (low - near, True),
        (high + near, True),
    ):
        p = stats.permutation_test(
            (values - shift,), np.mean, permutation_type="samples", n_resamples=np.inf
        ).pvalue
        assert bool(p <= 0.05) is rejected, shift


def test_equal_differences_leave_room_for_doubt():
    same = paired_test([0.0] * 12)
    assert same.p == 1.0
    # Bonett and Price with b = c = 0 of 12: ± 1.96·√(2/14/14).
    assert same.ci95 == pytest.approx((-0.198, 0.198), abs=1e-3)
    assert paired_test([1.0] * 12).ci95[0] > 0


@settings(max_examples=30)
@given(value=st.floats(1e-6, 1.0), size=st.integers(6, 13), sign=st.sampled_from([-1, 1]))
def test_equal_differences_are_shown_as_the_test_judges_them(value, size, sign):
    """All of one sign is rare where nothing changed: the interval must not hold 0 then."""
    result = paired_test([sign * value] * size)
    near, far = sorted(result.ci95, key=abs)
    assert result.p <= 0.05
    assert near * sign > 0, "its sign is that of the change"
    # Bonett and Price's own interval, with one difference of 1 added either way.
    mean, number = value * size / (size + 2), size + 2
    half = 1.96 * ((value**2 * size + 2) / number - mean**2) ** 0.5 / number**0.5
    assert far * sign == pytest.approx(min(mean + half, 1), abs=1e-4)


@pytest.mark.parametrize("size", [8, 40])
@pytest.mark.parametrize("draw", ["normal", "skewed", "hits"])
def test_where_nothing_changed_few_are_called_different_and_intervals_cover(size, draw):
    rng, repeats, alarms, covered = np.random.default_rng(size), 300, 0, 0
    for _ in range(repeats):
        a, b = _drawn(rng, draw, size), _drawn(rng, draw, size)
        result = paired_test(b - a, span=99)
        alarms += result.p <= 0.05
        covered += result.ci95[0] <= 0 <= result.ci95[1]
    # Five per cent and three standard deviations of 300.
    assert alarms / repeats <= 0.05 + 3 * (0.05 * 0.95 / repeats) ** 0.5
    assert covered / repeats >= 0.95 - 3 * (0.05 * 0.95 / repeats) ** 0.5


def _drawn(rng, draw, size):
    if draw == "normal":
        return rng.normal(0, 1, size)
    return rng.exponential(1, size) if draw == "skewed" else (rng.random(size) < 0.8) * 1.0
