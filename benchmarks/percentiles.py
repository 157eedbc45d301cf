"""Percentiles from log buckets against the exact ones: time, error and size."""

from __future__ import annotations

from functools import partial
from sys import getsizeof

import numpy as np

from benchmarks.row import Row, cpu_seconds, print_rows
from mcstress.metrics.histogram import PERCENTILES, BucketCounts, Histogram

SIZES = (10_000, 100_000, 1_000_000)
BATCH = 1000
"""Values that are bucketed at once: what a step takes in a second."""

QUANTILES = [thousandths / 10 - 1e-9 for thousandths in PERCENTILES.values()]
EXACT = "exact: kept and sorted"


def run() -> list[Row]:
    """Time per value, recorded in batches and read ten times; the worst error; the state's size."""
    _rows(BATCH)  # the first calls into numpy are not what is measured
    return [row for size in SIZES for row in _rows(size)]


def _rows(size: int) -> list[Row]:
    values = np.random.default_rng(size).lognormal(1.5, 1.0, size)
    batches = [values[start : start + BATCH].tolist() for start in range(0, size, BATCH)]
    histogram, kept = Histogram(), list[float]()
    ours_s = exact_s = 0.0
    looks = max(1, len(batches) // 10)
    for number, batch in enumerate(batches):
        ours_s += cpu_seconds(partial(_record, histogram, batch))
        exact_s += cpu_seconds(partial(kept.extend, batch))
        if number % looks == looks - 1:
            ours_s += cpu_seconds(histogram.summary)
            exact_s += cpu_seconds(lambda: _exact(kept))
    exact = _exact(values)
    found = [histogram.percentile(thousandths) for thousandths in PERCENTILES.values()]
    error = max(abs(ours - true) / true for ours, true in zip(found, exact, strict=True) if ours)
    state = len(repr(histogram.state()))
    return [
        Row(f"percentiles, {size:,} values, 10 looks", ours_s / size * 1e9, "ns per value",
            ours_s / exact_s, EXACT),
        Row(f"percentiles, {size:,} values: worst error", 100 * error, "%"),
        Row(f"percentiles, {size:,} values: state", state / 1000, "KB",
            state / (getsizeof(kept) + 24 * len(kept)), EXACT),
    ]  # fmt: skip


def _record(histogram: Histogram, batch: list[float]) -> None:
    histogram.add(BucketCounts.of(batch))


def _exact(values: list[float] | np.ndarray) -> list[float]:
    """numpy's, on all values."""
    return [float(x) for x in np.percentile(values, QUANTILES, method="inverted_cdf")]


if __name__ == "__main__":
    print_rows(run())
