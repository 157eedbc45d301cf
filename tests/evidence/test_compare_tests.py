"""The tests behind ``compare``, against scipy, brute force and simulation."""

from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from mcstress.evidence.compare.by_run import _beyond, _u_counts, least_p, run_test
from mcstress.evidence.compare.figure import Figure
from mcstress.evidence.compare.judge import family_of, judge
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


@pytest.mark.parametrize(("a", "b"), [(1, 1), (3, 4), (5, 2), (4, 4)])
def test_the_orders_of_runs_are_counted_as_brute_force_does(a, b):
    counts = [0] * (a * b + 1)
    for places in combinations(range(a + b), b):
        counts[sum(places) - b * (b - 1) // 2] += 1
    assert _u_counts(a, b) == counts


def test_runs_are_tested_as_mann_and_whitney_do():
    a, b = [10.0, 11.0, 12.5, 9.0, 10.7], [12.0, 13.0, 14.5, 12.9, 11.5]
    result = run_test(a, b)
    assert result.p == stats.mannwhitneyu(a, b, method="exact").pvalue
    differences = sorted(after - before for before, after in product(a, b))
    assert result.effect == np.median(differences)
    # Of 252 orders, 1 + 1 + 2 have U up to 2, 7 up to 3; 2·4/252 is below 5 %, 2·7/252 above.
    beyond = _beyond(5, 5)
    assert 2 * sum(_u_counts(5, 5)[:beyond]) / 252 <= 0.05
    assert 2 * sum(_u_counts(5, 5)[: beyond + 1]) / 252 > 0.05
    assert result.ci95 == (differences[beyond], differences[-1 - beyond])


def test_four_runs_a_side_are_the_fewest():
    assert run_test([1.0, 2.0, 3.0], [7.0, 8.0, 9.0, 10.0]).p is None
    result = run_test([1.0, 2.0, 3.0, 4.0], [7.0, 8.0, 9.0, 10.0])
    assert result.p == least_p(4, 4) == pytest.approx(2 / 70)


def test_runs_that_are_all_the_same_differ_by_nothing():
    result = run_test([0.0] * 5, [0.0] * 5)
    assert (result.effect, result.ci95, result.p) == (0.0, (0.0, 0.0), 1.0)


def test_intervals_over_runs_cover():
    rng, repeats = np.random.default_rng(5), 400
    inside = 0
    for _ in range(repeats):
        low, high = run_test([*rng.normal(0, 1, 5)], [*rng.normal(1, 1, 6)]).ci95
        inside += low <= 1 <= high
    assert inside / repeats >= 0.95 - 3 * (0.05 * 0.95 / repeats) ** 0.5


def figure(name, p, least_p_, better="higher", effect=1.0):
    return Figure(
        name=name, better=better, unit="queries", a=0, b=0, n_a=9, n_b=9, effect=effect,
        ci95=None, p=p, least_p=least_p_,
    )  # fmt: skip


def test_holm_corrects_step_by_step():
    """The worked example: 0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02."""
    figures = [figure(str(p), p, 0.0001) for p in (0.01, 0.04, 0.03, 0.005)]
    judge(figures)
    assert [one.p_holm for one in figures] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [one.verdict for one in figures] == ["better", "~", "~", "better"]


def test_figures_that_could_never_be_proven_cost_the_others_nothing():
    figures = [figure("strong", 0.04, 0.0001), *(figure("weak", 0.03, 0.03) for _ in range(9))]
    assert family_of(figures) == figures[:1]
    judge(figures)
    assert figures[0].verdict == "better"
    assert all(one.p_holm is None and one.verdict == "~" for one in figures[1:])


def test_what_is_worse_depends_on_the_figure():
    figures = [
        figure("up is good", 0.001, 0.0001, "higher", 0.2),
        figure("up is bad", 0.001, 0.0001, "lower", 0.2),
        figure("down is good", 0.001, 0.0001, "lower", -0.2),
    ]
    judge(figures)
    assert [one.verdict for one in figures] == ["better", "worse", "better"]
