"""Speed by run against scipy, and by simulation at 4 against 4 in a family of 15.

``pytest -m slow tests/evidence/test_compare_speed.py -s`` prints the table.
"""

from __future__ import annotations

from math import exp, inf, log

import numpy as np
import pytest
from evidence.run_effects import ALONE, FAMILY, RUNS, most_alarms, print_table, simulated
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mcstress.evidence.compare.speed import (
    FEWEST_RUNS,
    holm,
    least_ratio,
    power,
    runs_needed,
    speed_test,
    welch,
)

values = st.lists(st.floats(0.5, 500), min_size=2, max_size=9)


@given(values, values)
def test_it_is_scipys_welch_test_on_logarithms(a, b):
    before, after = np.log(a), np.log(b)
    found = speed_test(a, b)
    assert found.ratio == pytest.approx(stats.gmean(b) / stats.gmean(a), rel=1e-9)
    assert found.mannwhitney_p <= 1
    if min(before.std(ddof=1), after.std(ddof=1)) < 0.002:
        return
    theirs = stats.ttest_ind(after, before, equal_var=False)
    low, high = theirs.confidence_interval(0.95)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)
    assert found.ci95 == pytest.approx((exp(low), exp(high)), rel=1e-6)


def test_mann_and_whitney_stand_beside_it():
    a, b = [10.0, 11.0, 12.5, 9.0], [20.0, 22.0, 25.0, 19.0]
    found = speed_test(a, b)
    assert found.mannwhitney_p == stats.mannwhitneyu(a, b, method="exact").pvalue
    assert found.mannwhitney_p == pytest.approx(0.0286, abs=1e-4)
    assert found.p < 0.001


def test_runs_in_one_bucket_are_not_known_to_be_equal():
    """All p50 in one bucket on either side: one bucket apart proves nothing, ten do."""
    assert speed_test([10.0] * 4, [10.0] * 4).p == 1.0
    assert speed_test([10.0] * 4, [10.0] * 4).mannwhitney_p == 1.0
    assert FAMILY * speed_test([10.0] * 4, [10.05] * 4).p > 0.02
    assert FAMILY * speed_test([10.0] * 4, [10.5] * 4).p < 1e-4


def test_what_cannot_be_tested_has_no_p():
    assert speed_test([], [1.0]) is None
    assert speed_test([1.0, 0.0], [1.0, 2.0]) is None
    alone = speed_test([10.0], [20.0, 21.0])
    assert (alone.ratio, alone.p, alone.ci95) == (pytest.approx(2.049, abs=1e-3), None, None)


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holms_correction_steps_down(p_values):
    found = holm(p_values)
    order = np.argsort(p_values, kind="stable")
    for rank, at in enumerate(order):
        # By definition: the largest of what those up to here are multiplied to.
        multiplied = [(len(p_values) - r) * p_values[order[r]] for r in range(rank + 1)]
        assert found[at] == min(1.0, max(multiplied))


@pytest.mark.parametrize("ratio", [1.0, 1.1, 0.8, 1.5, 2.0])
@pytest.mark.parametrize("runs", [(4, 4), (3, 7), (12, 12)])
def test_power_is_what_the_pooled_test_finds(ratio, runs):
    rng, repeats, spread = np.random.default_rng(3), 4000, 0.15
    a = rng.normal(0, spread, (repeats, runs[0]))
    b = rng.normal(log(ratio), spread, (repeats, runs[1]))
    found = stats.ttest_ind(a, b, axis=1).pvalue <= 0.05 / FAMILY
    expected = power(ratio, runs, spread, FAMILY)
    assert found.mean() == pytest.approx(expected, abs=4 * (0.25 / repeats) ** 0.5)


def test_how_many_runs_would_do():
    assert runs_needed(2.0, 0.08, FAMILY) <= 4
    needed = runs_needed(1.3, 0.08, FAMILY)
    assert power(1.3, (needed, needed), 0.08, FAMILY) >= 0.8
    assert power(1.3, (needed - 1, needed - 1), 0.08, FAMILY) < 0.8
    assert needed == runs_needed(1 / 1.3, 0.08, FAMILY)
    assert runs_needed(1.01, 0.5, FAMILY) is None
    assert runs_needed(1.0, 0.08, FAMILY) is None


def test_the_least_ratio_is_where_the_power_is():
    least = least_ratio(RUNS, 0.08, FAMILY)
    assert power(least, RUNS, 0.08, FAMILY) == pytest.approx(0.8, abs=0.02)
    assert least_ratio((1, 9), 0.08, FAMILY) == inf
    assert least_ratio((FEWEST_RUNS, FEWEST_RUNS), 0.08, FAMILY) > 2
    assert least_ratio(RUNS, 0.0, FAMILY) < 1.05


def by_welch_and_holm(sides):
    return holm([welch(a, b)[1] for a, b in sides])


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("name", ALONE)
def test_where_nothing_changed_few_comparisons_find_anything(name, together):
    repeats = 150
    alarms, _ = simulated(by_welch_and_holm, name, 1.0, repeats, together=together)
    assert alarms <= most_alarms(repeats)


@pytest.mark.parametrize(("name", "least"), [
    ("normal, 8 %", 0.98),
    ("heavier tails: t with 2 degrees, scale 8 %", 0.7),
    ("one run in ten slower by half to twice", 0.55),
])  # fmt: skip
def test_a_doubled_latency_is_found(name, least):
    assert simulated(by_welch_and_holm, name, 2.0, 100, together=False)[1] >= least - 0.1


@pytest.mark.slow
def test_the_table_of_alarms_and_finds():
    print_table(by_welch_and_holm, 2000)
