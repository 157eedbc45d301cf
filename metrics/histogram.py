"""A histogram of latencies with logarithmic buckets, mergeable exactly.

Buckets grow by 0.5 %, and a bucket stands for its geometric middle: a percentile is at most
0.25 % off from 1 µs to one day. Below 1 µs it reads 0, beyond a day it reads the maximum; both are
counted. It takes 8 bytes for each bucket between the lowest and the highest in use: 4 KB for a
spread of ten times, 40 KB for all 5,053.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cache
from math import exp, fsum, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

GROWTH = 1.005
LOWEST_MS = 0.001
HIGHEST_MS = 86_400_000.0
COARSE = 46
"""Buckets that make one of a picture's: it grows by a quarter, ten of them by ten times."""
UNDER = -1
"""The bucket of what is below the lowest edge; that of the highest edge holds what is beyond it."""

EDGES_MS: list[float] = [
    LOWEST_MS * exp(bucket * log(GROWTH))
    for bucket in range(int(log(HIGHEST_MS / LOWEST_MS) / log(GROWTH)) + 2)
]
BEYOND = len(EDGES_MS) - 1

PERCENTILES = {"p50_ms": 500, "p90_ms": 900, "p95_ms": 950, "p99_ms": 990, "p999_ms": 999}
"""The percentiles of a summary, in thousandths."""

WHOLE = 1000
TO_MIDDLE: float = GROWTH**0.5

_EDGES = np.array(EDGES_MS)

Floats = NDArray[np.float64]


def as_array(numbers: Sequence[float] | Floats) -> Floats:
    """``numbers`` for numpy, which would first find out what a list holds, at twice the cost."""
    return numbers if isinstance(numbers, np.ndarray) else np.frombuffer(array("d", numbers))


class BucketCounts:
    """How many latencies fell into each bucket, from the bucket ``first`` on.

    ``max_ns`` is the largest of them. Buckets are found by comparing with the edges, which gives
    the same on every machine; a logarithm might not.
    """

    __slots__ = ("first", "max_ns", "numbers")

    def __init__(self, first: int, numbers: NDArray[np.int64], max_ns: int) -> None:
        self.first = first
        self.numbers = numbers
        self.max_ns = max_ns

    @classmethod
    def of(
        cls, latencies_ms: Sequence[float] | Floats, times: Sequence[int] | None = None
    ) -> BucketCounts:
        """The counts of at least one latency, each once, or as many ``times``: above 0 each."""
        latencies = as_array(latencies_ms)
        buckets = _EDGES.searchsorted(latencies, side="right") - 1
        first = int(buckets.min())
        # Weights are floats, which hold whole numbers exactly up to 2^53.
        numbers = np.bincount(buckets - first, times).astype(np.int64, copy=False)
        return cls(first, numbers, round(float(latencies.max()) * 1e6))

    @property
    def end(self) -> int:
        """The bucket after the last."""
        return self.first + len(self.numbers)


class Histogram:
    """Counts of latencies (ms) by bucket, and the largest, to the nanosecond.

    The percentile at q is the smallest value that at least q of the values do not exceed
    (nearest rank; numpy's ``inverted_cdf``). It is None where fewer than 1/(1 - q) values were
    recorded: below that it is the maximum under another name.
    """

    __slots__ = ("_counts", "_known")

    def __init__(self) -> None:
        self._counts: BucketCounts | None = None
        self._known: tuple[int, dict[str, Any]] = (0, {})

    def record(self, *latencies_ms: float) -> None:
        """Count latencies."""
        if latencies_ms:
            self.add(BucketCounts.of(latencies_ms))

    def add(self, counts: BucketCounts) -> None:
        """Count latencies that were counted by bucket."""
        mine = self._counts
        if mine is None:
            self._counts = BucketCounts(counts.first, counts.numbers.copy(), counts.max_ns)
            return
        if counts.first < mine.first or counts.end > mine.end:
            first, end = min(mine.first, counts.first), max(mine.end, counts.end)
            wider = np.zeros(end - first, np.int64)
            wider[mine.first - first : mine.end - first] = mine.numbers
            mine.first, mine.numbers = first, wider
        mine.numbers[counts.first - mine.first : counts.end - mine.first] += counts.numbers
        mine.max_ns = max(mine.max_ns, counts.max_ns)

    def record_times(self, latencies_ms: Sequence[float], times: Sequence[int]) -> None:
        """Count each latency as many ``times`` as stands beside it, above 0."""
        if latencies_ms:
            self.add(BucketCounts.of(latencies_ms, times))

    @property
    def count(self) -> int:
        """How many latencies were recorded."""
        return 0 if self._counts is None else int(self._counts.numbers.sum())

    @property
    def total_ms(self) -> float:
        """The sum of all latencies, to 0.25 %: the same bits in whatever order they came."""
        counts = self._counts
        if counts is None:
            return 0.0
        max_ms = counts.max_ns / 1e6
        numbers = enumerate(counts.numbers.tolist(), counts.first)
        return fsum(count * _middle(bucket, max_ms) for bucket, count in numbers if count)

    def up_to(self, edges: Sequence[int]) -> list[int]:
        """How many of the latencies are below the lower edge of each bucket in ``edges``."""
        counts = self._counts
        if counts is None:
            return [0 for _ in edges]
        below = np.concatenate(([0], counts.numbers.cumsum()))
        return [int(below[min(max(edge - counts.first, 0), len(below) - 1)]) for edge in edges]

    def buckets(self) -> list[tuple[float, int]]:
        """(middle in ms, count) of each bucket that holds any, ascending."""
        counts = self._counts
        if counts is None:
            return []
        used = counts.numbers.nonzero()[0]
        return [
            (_middle(int(bucket) + counts.first, counts.max_ns / 1e6), int(counts.numbers[bucket]))
            for bucket in used
        ]

    def coarse(self) -> list[list[float]]:
        """[lower edge in ms, upper edge, count] of each COARSE buckets that hold any, ascending."""
        counts = self._counts
        if counts is None:
            return []
        used = counts.numbers.nonzero()[0]
        groups = np.maximum(used + counts.first, 0) // COARSE
        starts = np.diff(groups, prepend=-1).nonzero()[0]
        numbers = np.add.reduceat(counts.numbers[used], starts).tolist()
        found = zip(groups[starts].tolist(), numbers, strict=True)
        return [[_edge(group), _edge(group + 1), count] for group, count in found]

    def percentile(self, thousandths: int) -> float | None:
        """The latency in ms that ``thousandths`` of the values do not exceed."""
        return _percentiles(self._counts, [thousandths])[0]

    def at_rank(self, rank: int) -> float | None:
        """The ``rank``-th smallest in ms, from 1; None beyond the count."""
        counts = self._counts
        if counts is None or rank > self.count:
            return None
        bucket = int(np.searchsorted(counts.numbers.cumsum(), rank)) + counts.first
        return _middle(bucket, counts.max_ns / 1e6)

    def summary(self) -> dict[str, Any]:
        """``count``, ``p50_ms`` … ``p999_ms``, ``max_ms``; worked out only after a change."""
        count, counts = self.count, self._counts
        if counts is None:
            return {"count": 0, **dict.fromkeys(PERCENTILES), "max_ms": None}
        if count != self._known[0]:
            values = _percentiles(counts, list(PERCENTILES.values()))
            percentiles = dict(zip(PERCENTILES, values, strict=True))
            self._known = (count, {"count": count, **percentiles, "max_ms": counts.max_ns / 1e6})
        return dict(self._known[1])

    def merge(self, other: Histogram) -> None:
        """Add ``other``'s counts to these."""
        if other._counts is not None:
            self.add(other._counts)

    def state(self) -> list[Any]:
        """``[max_ns, [bucket, count, bucket, count, …]]``, sorted; empty where there is nothing."""
        counts = self._counts
        if counts is None:
            return []
        used = counts.numbers.nonzero()[0]
        rows = np.stack((used + counts.first, counts.numbers[used]), axis=1)
        return [counts.max_ns, rows.ravel().tolist()]

    def restore(self, state: list[Any]) -> None:
        """Add what ``state()`` gave."""
        max_ns, flat = state
        rows = np.array(flat, np.int64).reshape(-1, 2)
        first, last = int(rows[0, 0]), int(rows[-1, 0])
        numbers = np.zeros(last - first + 1, np.int64)
        numbers[rows[:, 0] - first] = rows[:, 1]
        self.add(BucketCounts(first, numbers, max_ns))


def censored_summary(ended: Histogram, given_up: Histogram) -> dict[str, Any]:
    """A summary of times of which some are known to be at least so long only.

    Those are taken to be longer than all that ended. A percentile that falls among them is None,
    and stands in ``at_least_ms`` (by the percentile's name) as if each had ended when it was given
    up. Without any, there is no ``at_least_ms``.
    """
    if not given_up.count:
        return ended.summary()
    everything = Histogram()
    everything.merge(ended)
    everything.merge(given_up)
    count, known = everything.count, ended.count
    found, at_least = everything.summary(), {}
    longest_ms = given_up.summary()["max_ms"]
    for name, thousandths in (*PERCENTILES.items(), ("max_ms", WHOLE)):
        rank = -(-thousandths * count // WHOLE)
        if found[name] is None:
            continue
        if rank <= known:
            found[name] = ended.at_rank(rank)
        else:
            least_ms = found[name]
            # What waited for the longest wait stands in one bucket, whose middle is another. The
            # maximum is exact, and may be of one that ended.
            is_near = longest_ms / GROWTH < least_ms < longest_ms * GROWTH
            is_longest = is_near and name != "max_ms"
            at_least[name], found[name] = longest_ms if is_longest else least_ms, None
    return {**found, "at_least_ms": at_least} if at_least else found


def _percentiles(counts: BucketCounts | None, thousandths: Sequence[int]) -> list[float | None]:
    """The percentiles in ms; None for those that the count cannot carry."""
    if counts is None:
        return [None for _ in thousandths]
    up_to = counts.numbers.cumsum()
    count = int(up_to[-1])
    ranks = [-(-each * count // WHOLE) for each in thousandths]
    buckets = (np.searchsorted(up_to, ranks) + counts.first).tolist()
    return [
        _middle(bucket, counts.max_ns / 1e6) if count * (WHOLE - each) >= WHOLE else None
        for each, bucket in zip(thousandths, buckets, strict=True)
    ]


@cache
def _edge(group: int) -> float:
    """The lower edge of a group of COARSE buckets in ms, to four digits."""
    return float(f"{EDGES_MS[min(group * COARSE, BEYOND)]:.4g}")


def _middle(bucket: int, max_ms: float) -> float:
    """The value in ms that a bucket stands for, never above the maximum."""
    if bucket in (UNDER, BEYOND):
        return 0.0 if bucket == UNDER else max_ms
    return min(EDGES_MS[bucket] * TO_MIDDLE, max_ms)


class Histograms(dict[str, Histogram]):
    """Histograms by name."""

    def __missing__(self, name: str) -> Histogram:
        histogram = self[name] = Histogram()
        return histogram

    def merge(self, other: Histograms) -> None:
        """Add ``other``'s histograms to these."""
        for name, histogram in other.items():
            self[name].merge(histogram)

    def state(self) -> dict[str, Any]:
        """The states by name."""
        return {name: self[name].state() for name in sorted(self)}

    def restore(self, state: dict[str, Any]) -> None:
        """Add what ``state()`` gave."""
        for name, histogram in state.items():
            self[name].restore(histogram)

    def summaries(self) -> dict[str, Any]:
        """The summaries by name, sorted; dots are underscores, as JSON and checks have them."""
        return {name.replace(".", "_"): self[name].summary() for name in sorted(self)}
