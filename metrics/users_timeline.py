"""The users timeline: how many users there were, second by second, as the master saw it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from mcstress.metrics.band import EDGES

Rows = Sequence[Sequence[int]]
"""[unix second, users], ascending, about once a second."""


class UsersTimeline:
    """Rows of [unix second, users]. A row lasts until the next, the last one for a second.

    They are sorted: a clock that was set back tells some seconds twice.
    """

    def __init__(self, rows: Rows | None) -> None:
        table = np.fromiter(chain.from_iterable(rows or ()), np.int64).reshape(-1, 2)
        self._table = table[np.argsort(table[:, 0], kind="stable")]

    def __bool__(self) -> bool:
        return len(self._table) > 0

    @property
    def most(self) -> int | None:
        """The most users there were; None without rows."""
        return int(self._table[:, 1].max()) if self else None

    def by_band(self) -> dict[int, float]:
        """The seconds that each band of users lasted; those without users are in none."""
        seconds, users = self._table.T
        lasted = np.diff(seconds, append=seconds[-1:] + 1)
        bands = np.searchsorted(EDGES, users, side="right") - 1
        totals = np.bincount(bands[users > 0], lasted[users > 0])
        return {EDGES[band]: float(totals[band]) for band in totals.nonzero()[0]}

    def by_slot(self, doublings: int) -> dict[int, dict[str, Any]]:
        """``seconds`` seen and mean ``users`` of each slot of 2**``doublings`` seconds."""
        seconds, users = self._table.T
        slots, begins, counts = np.unique(
            seconds >> doublings, return_index=True, return_counts=True
        )
        sums = np.add.reduceat(users, begins) if len(begins) else users
        return {
            slot: {"seconds": count, "users": total / count}
            for slot, count, total in zip(
                slots.tolist(), counts.tolist(), sums.tolist(), strict=True
            )
        }
