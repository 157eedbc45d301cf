"""Intervals and tests against scipy, by hand, and by how often they cover the truth."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mcstress.metrics import intervals
from mcstress.metrics.diversity_interval import interval
from mcstress.metrics.jaccard import sums_by_group


@given(st.integers(1, 500), st.data())
def test_wilson_is_scipys(count, data):
    hits = data.draw(st.integers(0, count))
    low, high = intervals.wilson(hits / count, count)
    expected = stats.binomtest(hits, count).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_at_the_ends():
    assert intervals.wilson(1.0, 12) == pytest.approx((0.757, 1), abs=0.0006)
    z2 = intervals.Z**2
    assert intervals.wilson(0.0, 135) == pytest.approx((0, z2 / (135 + z2)), abs=1e-15)
    assert pytest.approx(float(stats.norm.ppf(0.975)), abs=1e-14) == intervals.Z


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_scipys_exact_test(memory_only, control_only):
    discordant = memory_only + control_only
    expected = 1.0
    if discordant:
        expected = stats.binomtest(min(memory_only, control_only), discordant, 0.5).pvalue
    assert intervals.mcnemar_p(memory_only, control_only) == pytest.approx(expected, abs=1e-12)


def test_mcnemar_needs_six_to_reach_five_percent():
    assert intervals.mcnemar_p(5, 0) > 0.05 > intervals.mcnemar_p(6, 0)


def test_bonett_price_by_hand():
    """B = 4, c = 0, n = 4: p = 5/6, q = 1/6, p - q = 2/3, variance (1 - 4/9)/6 = 5/54."""
    low, high = intervals.bonett_price(4, 0, 4)
    half = 1.959963984540054 * sqrt(5 / 54)
    assert (low, high) == pytest.approx((2 / 3 - half, 1.0), abs=1e-12)
    low, high = intervals.bonett_price(0, 0, 8)
    half = 1.959963984540054 * sqrt(Fraction(2, 100))
    assert (low, high) == pytest.approx((-half, half), abs=1e-12)


@pytest.mark.parametrize("degrees", [1, 4, 8, 11, 100])
def test_t_is_scipys(degrees):
    assert intervals.t_quantile(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), abs=1e-10)


@given(st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 40)).map(lambda sn: (min(sn), sn[1])),
    min_size=5, max_size=12,
))  # fmt: skip
def test_over_trios_is_the_hull_with_the_jackknife(sums):
    pairs = sum(n for _, n in sums)
    estimate = Fraction(sum(s for s, _ in sums), pairs)
    left_out = [
        Fraction(sum(s for j, (s, _) in enumerate(sums) if j != i),
                 sum(n for j, (_, n) in enumerate(sums) if j != i))
        for i in range(len(sums))
    ]  # fmt: skip
    middle = sum(left_out) / len(sums)
    spread = sum((x - middle) ** 2 for x in left_out) * Fraction(len(sums) - 1, len(sums))
    half = float(stats.t.ppf(0.975, len(sums) - 1)) * sqrt(spread)
    score = intervals.wilson(float(estimate), pairs)
    (low, high), label = intervals.over_trios(score, [(float(s), n) for s, n in sums])
    assert low == pytest.approx(max(0, min(score[0], float(estimate) - half)), abs=1e-9)
    assert high == pytest.approx(min(1, max(score[1], float(estimate) + half)), abs=1e-9)
    assert label == "over trios"


def test_below_five_trios_nothing_is_said_of_others():
    score = (0.2, 0.4)
    assert intervals.over_trios(score, [(1.0, 9)] * 4) == (score, "within these trios")


CELLS = [(contract, role) for contract in "abg" for role in ("clerk", "driver", "welder")]


def cell_pairs_of(rows):
    """Sums by pair of cells from (trio, a, b, shared)."""
    return sums_by_group(((a, b), s, 16 - s, 1) for _, a, b, s in rows)


def made_rows(random: Random, trios: int, rate: float, *, by_cell: float, by_trio: float):
    """Same-role pairs of ``trios``; each pair's shared ids are drawn around the rate.

    ``by_cell`` and ``by_trio`` say how much cells and trios differ among themselves.
    """
    rows = []
    for trio in range(trios):
        whole = rate * (1 + by_trio * random.uniform(-1, 1))
        for number, a in enumerate(CELLS):
            for b in CELLS[number + 1 :]:
                if a[1] == b[1]:
                    cell = 1 + by_cell * ((CELLS.index(a) + CELLS.index(b)) % 3 - 1)
                    shared = sum(random.random() < whole * cell for _ in range(8))
                    rows.append((trio, a, b, shared))
    return rows


def test_with_few_trios_the_interval_goes_over_cells():
    rows = made_rows(Random(4), 2, 0.4, by_cell=0.5, by_trio=0)
    trios = sums_by_group((trio, s, 16 - s, 1) for trio, _, _, s in rows)
    (low, high), label = interval(trios, cell_pairs_of(rows), 8)
    values = [(a, b, Fraction(s, 16 - s)) for _, a, b, s in rows]
    estimate = sum(v for *_, v in values) / len(values)
    left_out = []
    for cell in CELLS:
        rest = [v for a, b, v in values if cell not in (a, b)]
        left_out.append(sum(rest) / len(rest))
    middle = sum(left_out) / 9
    spread = sum((x - middle) ** 2 for x in left_out) * Fraction(8, 9)
    half = float(stats.t.ppf(0.975, 8)) * sqrt(spread)
    score = intervals.wilson(float(estimate), 15 * 18)
    assert low == pytest.approx(max(0, min(score[0], float(estimate) - half)), abs=1e-12)
    assert high == pytest.approx(min(1, max(score[1], float(estimate) + half)), abs=1e-12)
    assert label == "within these trios"


def test_all_zero_has_an_upper_end():
    rows = [(1, a, b, 0) for _, a, b, _ in made_rows(Random(1), 1, 0.1, by_cell=0, by_trio=0)]
    trios = sums_by_group((trio, s, 16 - s, 1) for trio, _, _, s in rows)
    found, _ = interval(trios, cell_pairs_of(rows), 8)
    z2 = intervals.Z**2
    assert found == pytest.approx((0, z2 / (135 + z2)), abs=1e-15)


def test_two_cells_alone_have_wilsons_interval():
    pair = (CELLS[0], CELLS[3])
    found, label = interval({1: (0.5, 1)}, {pair: (0.5, 1)}, 8)
    assert (found, label) == (intervals.wilson(0.5, 15), "within these trios")


@pytest.mark.parametrize(
    ("trios", "rate", "by_cell", "by_trio"),
    [(1, 0.05, 0.0, 0.0), (1, 0.3, 0.5, 0.0), (3, 0.02, 0.5, 0.0), (8, 0.1, 0.5, 0.9),
     (30, 0.2, 0.3, 0.9)],
)  # fmt: skip
def test_diversitys_interval_covers_the_truth(trios, rate, by_cell, by_trio):
    """At least 94 % of 300 runs, less what chance allows: 3.3 standard errors of a true 94 %."""
    random, repeats = Random(trios), 300
    many = made_rows(random, 20_000, rate, by_cell=by_cell, by_trio=by_trio)
    truth = sum(s / (16 - s) for *_, s in many) / len(many)
    covered = 0
    for _ in range(repeats):
        rows = made_rows(random, trios, rate, by_cell=by_cell, by_trio=by_trio)
        sums = sums_by_group((trio, s, 16 - s, 1) for trio, _, _, s in rows)
        (low, high), _ = interval(sums, cell_pairs_of(rows), 8)
        covered += low <= truth <= high
    assert covered / repeats >= 0.94 - 3.3 * sqrt(0.94 * 0.06 / repeats)


@pytest.mark.parametrize("pairs", [4, 12, 60])
@pytest.mark.parametrize(("gain", "loss"), [(0.9, 0.0), (0.5, 0.1), (0.1, 0.1)])
def test_lifts_interval_covers_the_truth(pairs, gain, loss):
    random, repeats, covered = Random(pairs), 400, 0
    for _ in range(repeats):
        draws = [random.random() for _ in range(pairs)]
        b = sum(draw < gain for draw in draws)
        c = sum(gain <= draw < gain + loss for draw in draws)
        low, high = intervals.bonett_price(b, c, pairs)
        covered += low <= gain - loss <= high
    assert covered / repeats >= 0.94 - 3.3 * sqrt(0.94 * 0.06 / repeats)


@pytest.mark.parametrize("trios", [1, 4, 5, 20])
def test_determinisms_interval_covers_the_truth(trios):
    """Most reissues identical, some with a few ids changed; trios alike."""
    random, repeats, covered = Random(trios), 300, 0
    shared = [8] * 12 + [7, 7, 6, 4]
    truth = sum(s / (16 - s) for s in shared) / len(shared)
    for _ in range(repeats):
        sums = {
            trio: (sum(s / (16 - s) for s in drawn), 12)
            for trio in range(trios)
            for drawn in [random.choices(shared, k=12)]
        }
        mean = sum(s for s, _ in sums.values()) / (12 * trios)
        score = intervals.wilson(mean, 12 * trios)
        (low, high), _ = intervals.over_trios(score, list(sums.values()))
        covered += low <= truth <= high
    assert covered / repeats >= 0.94 - 3.3 * sqrt(0.94 * 0.06 / repeats)


def test_wilson_holds_its_own_mean_at_both_ends():
    for count in range(1, 3000, 7):
        assert intervals.wilson(0.0, count)[0] == 0.0
        assert intervals.wilson(1.0, count)[1] == 1.0
