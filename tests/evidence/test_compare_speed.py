"""Speed by run against scipy, and by simulation at 4 against 4 in a family of 15.

``pytest -m slow tests/evidence/test_compare_speed.py -s`` prints the table.
"""

from __future__ import annotations

from math import exp, inf, log

import numpy as np
import pytest
from evidence.run_effects import EFFECTS
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

FAMILY = 15
RUNS = (4, 4)
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


def simulated(draw, ratio, repeats, *, together, seed=1):
    """The shares of comparisons with any false alarm, and with the one true difference found.

    ``together``: half of a run's effect is common to all its figures.
    """
    rng, alarms, found = np.random.default_rng(seed), 0, 0
    for _ in range(repeats):
        a, b = draw(rng, (FAMILY, RUNS[0])), draw(rng, (FAMILY, RUNS[1]))
        if together:
            a, b = (a + draw(rng, (1, 4))) / 2**0.5, (b + draw(rng, (1, 4))) / 2**0.5
        b[0] += log(ratio)
        pairs = zip(a.tolist(), b.tolist(), strict=True)
        p = holm([welch(*pair)[1] for pair in pairs])
        found += p[0] <= 0.05
        alarms += min(p if ratio == 1 else p[1:]) <= 0.05
    return alarms / repeats, found / repeats


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("name", EFFECTS)
def test_where_nothing_changed_few_comparisons_find_anything(name, together):
    repeats = 150
    alarms, _ = simulated(EFFECTS[name], 1.0, repeats, together=together)
    assert alarms <= 0.05 + 3 * (0.05 * 0.95 / repeats) ** 0.5


@pytest.mark.parametrize(("name", "least"), [
    ("normal, 8 %", 0.98), ("t with 2 degrees", 0.7), ("one in ten slow", 0.55),
])  # fmt: skip
def test_a_doubled_latency_is_found(name, least):
    assert simulated(EFFECTS[name], 2.0, 100, together=False)[1] >= least - 0.1


@pytest.mark.slow
def test_the_table_of_alarms_and_finds():
    print("\n| runs | A/A | 1.3 x | 1.5 x | doubled |\n|---|---|---|---|---|")  # noqa: T201
    for name, draw in EFFECTS.items():
        for together in (False, True):
            alarms, _ = simulated(draw, 1.0, 2000, together=together, seed=5)
            found = [
                simulated(draw, ratio, 1000, together=together, seed=6)[1]
                for ratio in (1.3, 1.5, 2)
            ]
            row = " | ".join(f"{share:.1%}" for share in (alarms, *found))
            print(f"| {name}{', together' if together else ''} | {row} |")  # noqa: T201
            assert alarms <= 0.05 + 3 * (0.05 * 0.95 / 2000) ** 0.5
