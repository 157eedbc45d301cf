"""A histogram of latencies with logarithmic buckets, mergeable exactly.

Buckets grow by 0.5 %, and a bucket stands for its geometric middle: a percentile is at most
0.25 % off from 1 µs to one day. Below 1 µs it reads 0, beyond a day it reads the maximum; both are
counted. It takes some 100 bytes for each bucket in use: a few hundred of 5,053 in practice.
"""

from __future__ import annotations

from math import exp, log
from typing import Any

GROWTH = 1.005
PER_BUCKET = log(GROWTH)
LOWEST_MS = 0.001
HIGHEST_MS = 86_400_000.0
UNDER = -1
BEYOND = int(log(HIGHEST_MS / LOWEST_MS) / PER_BUCKET) + 1
PERCENTILES = {"p50_ms": 500, "p90_ms": 900, "p95_ms": 950, "p99_ms": 990, "p999_ms": 999}
"""The percentiles of a summary, in thousandths."""

WHOLE = 1000

_SCALE = 1.0 / PER_BUCKET
_OFFSET = -log(LOWEST_MS) * _SCALE


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

    def record(self, latency_ms: float) -> None:
        """Count one latency."""
        if LOWEST_MS <= latency_ms < HIGHEST_MS:
            bucket = int(log(latency_ms) * _SCALE + _OFFSET)
        else:
            bucket = UNDER if latency_ms < LOWEST_MS else BEYOND
        buckets = self.buckets
        buckets[bucket] = buckets.get(bucket, 0) + 1
        if latency_ms * 1e6 > self.max_ns:
            self.max_ns = round(latency_ms * 1e6)

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
        return min(LOWEST_MS * exp((bucket + 0.5) * PER_BUCKET), max_ms)

    def summary(self) -> dict[str, Any]:
        """``count``, ``p50_ms`` … ``p999_ms``, ``max_ms``; worked out only after a change."""
        count = self.count
        if count != self._known[0]:
            top = {"max_ms": self.max_ns / 1e6}
            self._known = (count, {"count": count, **self._percentiles(PERCENTILES), **top})
        return dict(self._known[1]) or {"count": 0, **dict.fromkeys(PERCENTILES), "max_ms": None}

    def merge(self, other: Histogram) -> None:
        """Add ``other``'s counts to these."""
        buckets = self.buckets
        for bucket, count in other.buckets.items():
            buckets[bucket] = buckets.get(bucket, 0) + count
        self.max_ns = max(self.max_ns, other.max_ns)

    def state(self) -> list[Any]:
        """``[max_ns, [bucket, count, bucket, count, …]]``, sorted; empty where there is nothing."""
        if not self.buckets:
            return []
        return [self.max_ns, [part for pair in sorted(self.buckets.items()) for part in pair]]

    def restore(self, state: list[Any]) -> None:
        """Add what ``state()`` gave."""
        self.max_ns = max(self.max_ns, state[0])
        flat, buckets = state[1], self.buckets
        for bucket, count in zip(flat[::2], flat[1::2], strict=True):
            buckets[bucket] = buckets.get(bucket, 0) + count


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
