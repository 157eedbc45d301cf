"""Jaccard, rank-biased overlap and chance, each against its definition."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations, count, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcstress.metrics import jaccard
from mcstress.metrics.diversity import chance_jaccard
from mcstress.metrics.pairing import Pair
from mcstress.metrics.rank_overlap import PERSISTENCE, rank_biased_overlap

rankings = st.lists(st.sampled_from("abcdefghijkl"), unique=True, max_size=10)


@given(rankings, rankings)
def test_a_jaccard_is_the_shared_by_all(a, b):
    shared, union = jaccard.overlap(frozenset(a), b)
    assert union == len({*a, *b})
    expected = Fraction(len({*a} & {*b}), union) if union else Fraction(1)
    assert jaccard.jaccard(shared, union) == float(expected)


@given(st.dictionaries(
    st.tuples(st.integers(0, 8), st.integers(8, 16)), st.integers(1, 10**6), max_size=20
))  # fmt: skip
def test_a_mean_is_exact_to_the_last_digits_in_any_order(overlaps):
    mean = jaccard.mean(overlaps)
    if not overlaps:
        assert mean is None
        return
    total = sum(Fraction(s, u) * n for (s, u), n in overlaps.items())
    assert mean == pytest.approx(float(total / sum(overlaps.values())), rel=1e-14)
    assert jaccard.mean(dict(reversed(overlaps.items()))) == mean


def series(a: list[str], b: list[str]) -> float:
    """RBO as an infinite sum of (1-p)·p^(d-1)·agreement(d), summed until it cannot matter.

    What is unseen of the shorter list agrees as what was seen of it does; beyond both lists the
    agreement stays as it is at the end of the longer (Webber et al., section 4.3).
    """
    short, long = sorted((a, b), key=len)
    if not short:
        return float(not long)
    s, depth = len(short), len(long)

    def agreement(d: int) -> float:
        if d > depth:
            return agreement(depth)
        shared = len({*short[:d]} & {*long[:d]})
        unseen = len({*short} & {*long[:s]}) * (d - s) / s if d > s else 0
        return (shared + unseen) / d

    weights = takewhile(lambda dw: dw[1] > 1e-18, ((d, PERSISTENCE ** (d - 1)) for d in count(1)))
    return (1 - PERSISTENCE) * sum(weight * agreement(d) for d, weight in weights)


@given(rankings, rankings)
def test_rank_biased_overlap_is_its_series(a, b):
    assert rank_biased_overlap(a, b) == pytest.approx(series(a, b), abs=1e-12)
    assert rank_biased_overlap(a, b) == rank_biased_overlap(b, a)


def test_rank_biased_overlap_sees_the_order_and_jaccard_does_not():
    forth = list("abcdefgh")
    back = forth[::-1]
    assert rank_biased_overlap(forth, forth) == pytest.approx(1.0, abs=1e-12)
    assert rank_biased_overlap(forth, list("ijklmnop")) == 0.0
    assert Pair(tuple(forth), tuple(back)).jaccard == 1.0
    swapped_low, swapped_high = list("abcdefhg"), list("bacdefgh")
    assert rank_biased_overlap(forth, back) < rank_biased_overlap(forth, swapped_high) < 1
    assert rank_biased_overlap(forth, swapped_high) < rank_biased_overlap(forth, swapped_low)


@given(rankings, rankings)
def test_a_pair_says_identical_only_of_the_same_order(a, b):
    pair = Pair(tuple(a), tuple(b))
    assert pair.identical == (a == b)
    assert pair.top1 == (a[:1] == b[:1])
    assert (pair.shared, pair.union) == (len({*a} & {*b}), len({*a, *b}))
    assert pair.rbo_nano == pytest.approx(series(a, b) * 1e9, abs=1)


@pytest.mark.parametrize(("k", "pool"), [(1, 1), (1, 5), (2, 3), (3, 4), (3, 7), (4, 9), (5, 5)])
def test_chance_is_the_mean_over_all_pairs_of_lists(k, pool):
    lists = list(combinations(range(pool), k))
    values = [Fraction(len({*a} & {*b}), len({*a} | {*b})) for a in lists for b in lists]
    assert chance_jaccard(k, pool) == pytest.approx(float(sum(values) / len(values)), rel=1e-14)


def test_chance_is_what_the_design_says():
    assert chance_jaccard(8, 20) == pytest.approx(0.26, abs=0.005)
    assert chance_jaccard(8, 200) == pytest.approx(0.022, abs=0.0005)
    assert chance_jaccard(8, 1000) == pytest.approx(0.0043, abs=0.0005)
    assert chance_jaccard(8, 5) == 1.0


def test_two_empty_lists_are_alike_and_an_empty_one_is_like_no_other():
    assert Counter(vars_of(Pair((), ()))) == Counter({"identical": 1, "top1": 1, "jaccard": 1.0})
    nothing = Pair((), ("a",))
    assert (nothing.jaccard, nothing.top1, nothing.rbo_nano) == (0.0, False, 0)


def vars_of(pair: Pair) -> dict[str, float]:
    return {"identical": pair.identical, "top1": pair.top1, "jaccard": pair.jaccard}
