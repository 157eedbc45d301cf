"""A histogram of latencies with logarithmic buckets, mergeable exactly.

Buckets grow by 0.5 %, and a bucket stands for its geometric middle: a percentile is at most
0.25 % off from 1 µs to one day. Below 1 µs it reads 0, beyond a day it reads the maximum; both are
counted. It takes some 100 bytes for each bucket in use: a few hundred of 5,053 in practice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from math import exp, log
from typing import Any

import numpy as np

GROWTH = 1.005
LOWEST_MS = 0.001
HIGHEST_MS = 86_400_000.0
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
_WORTH_AN_ARRAY = 32


class Counts(Counter[int]):
    """How many of some latencies fell into each bucket, and the largest of them, in ns."""

    def __init__(self, latencies_ms: Sequence[float]) -> None:
        # Comparing with the same edges either way puts a latency into the same bucket.
        if len(latencies_ms) < _WORTH_AN_ARRAY:
            super().__init__([bisect_right(EDGES_MS, latency) - 1 for latency in latencies_ms])
        else:
            super().__init__((np.searchsorted(_EDGES, latencies_ms, side="right") - 1).tolist())
        self.max_ns = round(max(latencies_ms, default=0.0) * 1e6)


class Histogram:
    """Counts of latencies (ms) by bucket, and the largest, to the nanosecond.

    The percentile at q is the smallest value that at least q of the values do not exceed
    (nearest rank; numpy's ``inverted_cdf``). It is None where fewer than 1/(1 - q) values were
    recorded: below that it is the maximum under another name.
    """

    __slots__ = ("_known", "buckets", "max_ns")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        self.max_ns = 0
        self._known: tuple[int, dict[str, Any]] = (0, {})

    def record(self, *latencies_ms: float) -> None:
        """Count latencies."""
        self.add(Counts(latencies_ms))

    def add(self, counts: Counts) -> None:
        """Count latencies that were counted by bucket."""
        self._add(counts, counts.max_ns)

    def _add(self, counts: Mapping[int, int], max_ns: int) -> None:
        buckets = self.buckets
        for bucket, count in counts.items():
            buckets[bucket] = buckets.get(bucket, 0) + count
        self.max_ns = max(self.max_ns, max_ns)

    @property
    def count(self) -> int:
        """How many latencies were recorded."""
        return sum(self.buckets.values())

    def percentile(self, thousandths: int) -> float | None:
        """The latency in ms that ``thousandths`` of the values do not exceed."""
        return self._percentiles({"": thousandths})[""]

    def _percentiles(self, wanted: dict[str, int]) -> dict[str, float | None]:
        """The percentiles by name; the ``wanted`` thousandths ascend."""
        count = self.count
        values: dict[str, float | None] = dict.fromkeys(wanted)
        below, bucket, buckets = 0, UNDER, iter(sorted(self.buckets))
        for name, thousandths in wanted.items():
            if count * (WHOLE - thousandths) < WHOLE:
                break
            while below * WHOLE < thousandths * count:
                bucket = next(buckets)
                below += self.buckets[bucket]
            values[name] = self._middle(bucket)
        return values

    def _middle(self, bucket: int) -> float:
        """The value in ms that a bucket stands for, never above the maximum."""
        max_ms = self.max_ns / 1e6
        if bucket in (UNDER, BEYOND):
            return 0.0 if bucket == UNDER else max_ms
        return min(EDGES_MS[bucket] * TO_MIDDLE, max_ms)

    def summary(self) -> dict[str, Any]:
        """``count``, ``p50_ms`` … ``p999_ms``, ``max_ms``; worked out only after a change."""
        count = self.count
        if count != self._known[0]:
            top = {"max_ms": self.max_ns / 1e6}
            self._known = (count, {"count": count, **self._percentiles(PERCENTILES), **top})
        return dict(self._known[1]) or {"count": 0, **dict.fromkeys(PERCENTILES), "max_ms": None}

    def merge(self, other: Histogram) -> None:
        """Add ``other``'s counts to these."""
        self._add(other.buckets, other.max_ns)

    def state(self) -> list[Any]:
        """``[max_ns, [bucket, count, bucket, count, …]]``, sorted; empty where there is nothing."""
        if not self.buckets:
            return []
        return [self.max_ns, [part for pair in sorted(self.buckets.items()) for part in pair]]

    def restore(self, state: list[Any]) -> None:
        """Add what ``state()`` gave."""
        max_ns, flat = state
        self._add(dict(zip(flat[::2], flat[1::2], strict=True)), max_ns)


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
