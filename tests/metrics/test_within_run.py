"""The interval over blocks of a run, against fractions; simulations have its coverage."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mcstress.metrics.intervals import wilson
from mcstress.metrics.within_run import BLOCKS, in_blocks, within_run

block = st.integers(0, 90).flatmap(lambda steps: st.tuples(st.integers(0, steps), st.just(steps)))


@given(st.lists(block, min_size=BLOCKS, max_size=BLOCKS))
def test_it_is_the_hull_of_wilson_and_the_ratios_jackknife(blocks):
    found = within_run(blocks, 200.0, None)
    asked = [(failed, steps) for failed, steps in blocks if steps]
    if len(asked) <= 10:
        assert found is None
        return
    failed, steps = sum(f for f, _ in asked), sum(n for _, n in asked)
    left_out = [Fraction(failed - f, steps - n) for f, n in asked]
    middle = sum(left_out) / len(asked)
    spread = sum((x - middle) ** 2 for x in left_out) * Fraction(len(asked) - 1, len(asked))
    half = float(stats.t.ppf(0.975, len(asked) - 1)) * sqrt(spread)
    low, high = wilson(failed / steps, steps)
    (its_low, its_high), label = found
    assert its_low == pytest.approx(max(min(low, failed / steps - half), 0), abs=1e-9)
    assert its_high == pytest.approx(min(max(high, failed / steps + half), 1), abs=1e-9)
    assert label == "within this run"


def test_bursts_make_it_wider_than_wilsons():
    even, bursts = [(5, 100)] * BLOCKS, [(0, 100)] * 18 + [(50, 100)] * 2
    (low, high), _ = within_run(even, 600, 0.0)
    assert (low, high) == wilson(0.05, 2000)
    (low, high), _ = within_run(bursts, 600, 0.0)
    assert low == 0.0
    assert high > 0.1


def test_a_short_run_and_a_silent_one_have_none():
    blocks = [(1, 100)] * BLOCKS
    assert within_run(blocks, 59.9, 0.0) is None
    assert within_run(blocks, 60.0, 3.0) is not None
    assert within_run(blocks, 60.0, 3.1) is None
    assert within_run(blocks, 600.0, 29.0) is not None
    assert within_run([(1, 100)] * 10 + [(0, 0)] * 10, 600, 0.0) is None


@pytest.mark.parametrize(("seconds", "width"), [(60, 1), (121, 2), (239, 2), (241, 4), (3600, 32)])
def test_a_timelines_slots_fill_the_blocks_evenly(seconds, width):
    begin = 1_700_000_000 // width * width
    slots = [(begin + at, 1, 10) for at in range(0, seconds, width)]
    blocks = in_blocks(slots, width, begin, begin + seconds)
    assert sum(steps for _, steps in blocks) == 10 * len(slots)
    even = len(slots) / BLOCKS
    assert all(abs(steps / 10 - even) <= 1.5 for _, steps in blocks)


def test_slots_beyond_the_run_belong_to_its_ends():
    blocks = in_blocks([(95.0, 1, 2), (399.0, 1, 4)], 1, 100.0, 300.0)
    assert (blocks[0], blocks[-1]) == ((1, 2), (1, 4))
    assert in_blocks([(95.0, 1, 2)], 1, 100.0, 100.0) == [(0, 0)] * BLOCKS
