"""Percentiles from log buckets against the exact ones."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcstress.metrics.histogram import COARSE, EDGES_MS, PERCENTILES, Histogram
from mcstress.metrics.latency import Latency

DISTRIBUTIONS = {
    "lognormal": lambda rng, n: rng.lognormal(1.5, 1.0, n),
    "exponential": lambda rng, n: rng.exponential(20, n) + 0.002,
    "uniform": lambda rng, n: rng.uniform(0.5, 30_000, n),
    "bimodal": lambda rng, n: np.where(rng.random(n) < 0.97, rng.normal(2, 0.1, n), 30_000),
    "microseconds": lambda rng, n: rng.uniform(0.001, 0.05, n),
    "pareto": lambda rng, n: rng.pareto(1.1, n) + 1,
    "constant": lambda _, n: np.full(n, 12.5),
}
latencies = st.lists(st.floats(0, 1e9, allow_nan=False), max_size=200)


def of(values) -> Histogram:
    histogram = Histogram()
    histogram.record(*values)
    return histogram


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("size", [1, 2, 9, 10, 100, 999, 1000, 30_000])
def test_percentiles_are_within_a_quarter_of_a_percent(name, size):
    values = DISTRIBUTIONS[name](np.random.default_rng(size), size).tolist()
    summary = of(values).summary()
    assert summary["count"] == size
    assert summary["max_ms"] == pytest.approx(max(values), abs=1e-6)
    for percentile, thousandths in PERCENTILES.items():
        if size * (1000 - thousandths) >= 1000:
            # 99.9 is no double: without the last step numpy may take the next rank.
            exact = np.percentile(values, thousandths / 10 - 1e-9, method="inverted_cdf")
            assert summary[percentile] == pytest.approx(exact, rel=0.0026)
        else:
            assert summary[percentile] is None


@given(latencies, latencies)
def test_a_merge_is_as_if_one_had_seen_all(some, others):
    merged = of(some)
    merged.merge(of(others))
    assert merged.state() == of(some + others).state()
    assert merged.summary() == of(others + some).summary()


@given(latencies)
def test_one_by_one_and_all_at_once_are_the_same(values):
    one_by_one = Histogram()
    for value in values:
        one_by_one.record(value)
    assert one_by_one.state() == of(values).state()
    assert one_by_one.count == len(values)


@given(st.lists(st.tuples(st.floats(0, 1e9), st.integers(1, 40)), max_size=20))
def test_one_with_its_number_is_as_if_it_came_so_often(rows):
    each, together = Histogram(), Histogram()
    for value, times in rows:
        each.record(*[value] * times)
    together.record_times([value for value, _ in rows], [times for _, times in rows])
    assert together.state() == each.state()
    assert together.summary() == each.summary()


def test_every_edge_belongs_to_the_bucket_above_it():
    pairs = [part for bucket in range(len(EDGES_MS)) for part in (bucket, 1)]
    assert of(EDGES_MS).state() == [round(EDGES_MS[-1] * 1e6), pairs]


@given(latencies)
def test_a_state_comes_back_whole(values):
    again = Histogram()
    if state := of(values).state():
        again.restore(json.loads(json.dumps(state)))
    assert again.state() == of(values).state()


def test_below_a_microsecond_reads_zero_and_beyond_a_day_the_maximum():
    histogram = of([0.0, 0.0, 0.0005, 2e8, 1e8, 2e8])
    assert histogram.count == 6
    assert histogram.percentile(500) == 0.0
    assert histogram.percentile(600) == 2e8
    assert histogram.summary()["max_ms"] == 2e8


def test_a_percentile_that_the_count_cannot_carry_is_none():
    histogram = of([1.0] * 99)
    assert histogram.summary()["p95_ms"] is not None
    assert histogram.summary()["p99_ms"] is None
    histogram.record(1.0)
    assert histogram.summary()["p99_ms"] is not None
    assert Histogram().summary() == {"count": 0, **dict.fromkeys(PERCENTILES), "max_ms": None}


def test_a_summary_follows_what_is_added_after_it():
    random, histogram, values = Random(1), Histogram(), []
    for _ in range(5):
        more = [random.expovariate(0.1) for _ in range(50)]
        values += more
        histogram.record(*more)
        assert histogram.summary() == of(values).summary()


@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_a_picture_counts_the_latencies_between_its_edges(values):
    histogram = of(values)
    counted = Counter(max(bisect_right(EDGES_MS, ms) - 1, 0) // COARSE for ms in values)
    edges = [float(f"{EDGES_MS[min(at * COARSE, len(EDGES_MS) - 1)]:.4g}") for at in range(112)]
    assert histogram.coarse() == [
        [edges[group], edges[group + 1], count] for group, count in sorted(counted.items())
    ]


@given(st.lists(st.floats(0.01, 1e5), min_size=2, max_size=50), st.randoms(use_true_random=False))
def test_a_sum_has_the_same_bits_in_whatever_order_and_parts_it_came(values, random):
    others = values[:]
    random.shuffle(others)
    some = of(others[: len(others) // 2])
    some.merge(of(others[len(others) // 2 :]))
    restored = Histogram()
    restored.restore(of(values).state())
    assert some.total_ms == restored.total_ms == of(values).total_ms


@given(st.permutations([f"phase {number}" for number in range(6)]))
def test_the_mean_time_of_events_has_the_same_bits_whichever_phase_came_first(names):
    latency = Latency()
    for name in names:
        latency.phases[name].record(*(int(name[-1]) + number / 7 for number in range(1, 5)))
    assert latency.mean_event_ms() == _mean_of_six_phases()


def _mean_of_six_phases():
    latency = Latency()
    for number in range(6):
        latency.phases[f"phase {number}"].record(*(number + one / 7 for one in range(1, 5)))
    return latency.mean_event_ms()
