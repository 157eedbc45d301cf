"""A family's p values against brute force and scipy, and by simulation at 4 against 4.

``pytest -m slow tests/evidence/test_compare_multiple_testing.py -s`` prints the table.
"""

from __future__ import annotations

from itertools import combinations
from math import sqrt
from statistics import fmean, variance

import numpy as np
import pytest
from evidence.run_effects import ALONE, most_alarms, print_table, simulated
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mcstress.evidence.compare import multiple_testing
from mcstress.evidence.compare.multiple_testing import RunFigure, family_p, interval, least_p
from mcstress.evidence.compare.speed import welch


def statistic(a, b, floor):
    return abs(fmean(b) - fmean(a)) / (sqrt(variance(a) / len(a) + variance(b) / len(b)) + floor)


def by_brute_force(figures):
    """Step by step as Westfall and Young have it, over all splits."""
    size = len(figures[0].a)
    tables = [[*figure.a, *figure.b] for figure in figures]
    seen = [statistic(figure.a, figure.b, figure.floor) for figure in figures]
    found, highest, left = {}, 0.0, sorted(range(len(figures)), key=lambda at: -seen[at])
    while left:
        reached = splits = 0
        for chosen in combinations(range(len(tables[0])), size):
            splits += 1
            most = max(
                statistic(
                    [tables[at][run] for run in chosen],
                    [value for run, value in enumerate(tables[at]) if run not in chosen],
                    figures[at].floor,
                )
                for at in left
            )
            reached += most >= seen[left[0]] - 1e-9
        highest = max(highest, reached / splits)
        found[left.pop(0)] = highest
    return [found[at] for at in range(len(figures))]


@settings(max_examples=15)
@given(st.data())
def test_it_steps_down_as_brute_force_does(data):
    a, b = data.draw(st.sampled_from([(2, 2), (3, 2), (3, 4), (4, 4)]))
    value = st.integers(0, 400).map(lambda n: n / 50)
    figures = [
        RunFigure(
            data.draw(st.lists(value, min_size=a, max_size=a)),
            data.draw(st.lists(value, min_size=b, max_size=b)),
            data.draw(st.sampled_from([0.05, 0.5])),
        )
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    assert family_p(figures) == pytest.approx(by_brute_force(figures), abs=1e-9)


def test_one_figure_alone_has_scipys_permutation_p():
    a, b = [0.1, 0.4, 0.2, 0.35, 0.15], [0.5, 0.2, 0.6, 0.45, 0.55]
    theirs = stats.permutation_test(
        (a, b), lambda x, y: statistic(x, y, 0.05), alternative="greater", n_resamples=np.inf
    )
    assert family_p([RunFigure(a, b)]) == pytest.approx([theirs.pvalue])


@pytest.mark.parametrize("sizes", [(4, 4), (5, 4), (5, 5)])
def test_the_interval_holds_the_shifts_that_scipys_permutation_test_does_not_reject(sizes):
    rng = np.random.default_rng(sum(sizes))
    a, b = (rng.normal(mean, 0.2, size) for mean, size in zip((0, 0.3), sizes, strict=True))
    low, high = interval(RunFigure(a.tolist(), b.tolist()))
    near = 1e-6
    for shift, rejected in (
        (low - near, True), (low + near, False), (high - near, False), (high + near, True),
    ):  # fmt: skip
        theirs = stats.permutation_test(
            (a, b - shift),
            lambda x, y: statistic(x, y, 0.05),
            alternative="greater",
            n_resamples=np.inf,
        )
        assert bool(theirs.pvalue <= 0.05) is rejected, shift


def test_what_is_proven_is_shown_by_an_interval_without_0_where_welchs_has_it():
    """One run of b went astray: every run of it is slower, and their mean is hardly known."""
    a, b = [0.0, 0.02, -0.02, 0.01], [0.3, 0.35, 0.28, 2.0]
    half, _ = welch(a, b)
    assert fmean(b) - fmean(a) < half
    assert family_p([RunFigure(a, b)]) == pytest.approx([2 / 70])
    low, high = interval(RunFigure(a, b))
    assert 0 < low < fmean(b) - fmean(a) < high


@settings(max_examples=60)
@given(st.data())
def test_the_interval_of_a_figure_has_0_just_where_its_own_test_does_not_reject_it(data):
    value = st.integers(-100, 100).map(lambda n: n / 50)
    a, b = (data.draw(st.lists(value, min_size=4, max_size=4)) for _ in range(2))
    figure = RunFigure(a, b, data.draw(st.sampled_from([0.01, 0.05, 0.5])))
    shown = interval(figure)
    if len({*a}) == len({*b}) == 1:
        assert shown is None
    else:
        assert (shown[0] <= 0 <= shown[1]) is (family_p([figure])[0] > 0.05)
        assert shown[0] <= fmean(b) - fmean(a) <= shown[1]


def test_too_few_runs_have_no_interval_of_a_test():
    assert interval(RunFigure([0.0, 0.1, 0.2], [5.0, 5.1, 5.2])) is None


@pytest.mark.parametrize(("a", "b", "least"), [(3, 3, 0.1), (4, 4, 2 / 70), (4, 5, 1 / 126)])
def test_the_least_p_is_reached_by_what_is_far_apart(a, b, least):
    figure = RunFigure([0.01 * n for n in range(a)], [9 + 0.01 * n for n in range(b)])
    assert family_p([figure]) == pytest.approx([least])
    assert least_p(a, b) == pytest.approx(least)


def test_many_runs_are_split_at_random_always_alike():
    rng = np.random.default_rng(1)
    figures = [
        RunFigure(rng.normal(0, 0.1, 12).tolist(), rng.normal(shift, 0.1, 12).tolist())
        for shift in (0.0, 0.3)
    ]
    first = family_p(figures)
    assert first == family_p(figures)
    assert first[1] < 0.001 < first[0]
    assert first[1] >= 1 / multiple_testing.MOST_SPLITS


def test_figures_that_never_differ_find_nothing():
    same, far = (
        RunFigure([0.0] * 4, [0.0] * 4, multiple_testing.SHARE_FLOOR),
        RunFigure([0.0] * 4, [1.0] * 4),
    )
    assert family_p([same, far]) == pytest.approx([1.0, 2 / 70])
    assert family_p([]) == []


def test_figures_of_other_runs_are_refused():
    with pytest.raises(ValueError, match="one value of every run"):
        family_p([RunFigure([1.0] * 4, [1.0] * 4), RunFigure([1.0] * 3, [1.0] * 4)])
    with pytest.raises(ValueError, match="a side 2 runs at least"):
        family_p([RunFigure([1.0], [1.0] * 4)])


def permuted(sides):
    return family_p([RunFigure(a, b) for a, b in sides])


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("name", ALONE)
def test_where_nothing_changed_few_comparisons_find_anything(name, together):
    alarms, _ = simulated(permuted, name, 1.0, 400, together=together)
    assert alarms <= most_alarms(400)


@pytest.mark.parametrize(("name", "least"), [
    ("normal, 8 %", 0.99),
    ("heavier tails: t with 2 degrees, scale 8 %", 0.85),
    ("one run in ten slower by half to twice", 0.78),
])  # fmt: skip
def test_a_doubled_latency_is_found_at_4_against_4(name, least):
    found = simulated(permuted, name, 2.0, 300, together=False)[1]
    assert found >= least - 3 * sqrt(least * (1 - least) / 300)


@pytest.mark.slow
def test_the_table_of_alarms_and_finds():
    print_table(permuted, 4000)
