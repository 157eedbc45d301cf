"""Latencies of successes by the kind of step, told apart so coarsely that they are few."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

import numpy as np

EDGES_S = [2 ** (number / 4) for number in range(-8, 67)]
"""Latencies are told apart by quarters of an octave, from 0.25 s to more than a day: so the cap is
at most 19 % above four times the median; by whole octaves it could be twice that, and hide an
outage that a slow service's steps hung through."""
EDGES = np.array(EDGES_S)
ONE_SECOND = EDGES_S.index(1.0)
FOUR_TIMES = 8
"""Four times is two octaves, in quarters."""
FEWEST_OF_A_KIND = 10
"""A kind of step has a say in the cap where it makes one in so many successes: of a rare kind, most
could have hung through the one outage there was."""


class LatencyCounts(list[int]):
    """How many successes had each latency, by the number of its upper edge."""

    def __init__(self) -> None:
        super().__init__([0] * (len(EDGES_S) + 1))

    def median(self) -> int | None:
        """The edge of the lower median; None without a success."""
        half = (sum(self) + 1) // 2
        return bisect_left(list(accumulate(self)), half) if half else None

    def merge(self, other: LatencyCounts) -> None:
        """Add ``other``'s counts to these."""
        for edge, count in enumerate(other):
            self[edge] += count

    def state(self) -> list[list[int]]:
        """[edge, count] of the edges that were met."""
        return [[edge, count] for edge, count in enumerate(self) if count]

    def restore(self, state: list[list[int]]) -> None:
        """Add what ``state()`` gave."""
        for edge, count in state:
            self[edge] += count


class LatenciesByKind(dict[str, LatencyCounts]):
    """Successes by the name of their step."""

    def __missing__(self, kind: str) -> LatencyCounts:
        counts = self[kind] = LatencyCounts()
        return counts

    def slowest_median(self) -> int:
        """The edge of the largest median among kinds that are not rare; 0 without a success."""
        numbers = {kind: sum(counts) for kind, counts in self.items()}
        in_all = sum(numbers.values())
        medians = [
            self[kind].median() or 0
            for kind, number in numbers.items()
            if FEWEST_OF_A_KIND * number >= in_all
        ]
        return max(medians, default=0)

    def merge(self, other: LatenciesByKind) -> None:
        """Add ``other``'s counts to these."""
        for kind, counts in other.items():
            self[kind].merge(counts)

    def state(self) -> dict[str, list[list[int]]]:
        """The counts' states by kind."""
        return {kind: self[kind].state() for kind in sorted(self)}

    def restore(self, state: dict[str, list[list[int]]]) -> None:
        """Add what ``state()`` gave."""
        for kind, counts in state.items():
            self[kind].restore(counts)
