"""The users timeline: how many users there were, second by second, as the master saw it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import msgspec
import numpy as np

from mcstress.metrics.availability import Pause
from mcstress.metrics.band import EDGES

TimelineRows = Sequence[Sequence[int]]
"""[unix second, users], ascending, about once a second."""


class RunSpan(msgspec.Struct, frozen=True):
    """When a run began and ended, in Unix seconds.

    ``clock_error_s``: the most that a worker's clock is wrong by. ``pauses``: when a process of the
    load generator stood still.
    """

    begin_s: float
    end_s: float
    clock_error_s: float = 0.0
    pauses: Sequence[Pause] = ()

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return max(0.0, self.end_s - self.begin_s)


class UsersTimeline:
    """Rows of [unix second, users]. A row lasts until the next, the last until the run's end.

    They are sorted, for a clock that was set back tells some seconds twice, and clipped to
    ``span``; without, the last lasts for a second.
    """

    def __init__(self, rows: TimelineRows | None, span: RunSpan | None = None) -> None:
        table = np.fromiter(chain.from_iterable(rows or ()), np.int64).reshape(-1, 2)
        table = table[np.argsort(table[:, 0], kind="stable")]
        self._users = table[:, 1]
        knots = np.append(table[:, 0], table[-1:, 0] + 1).astype(np.float64)
        if span is not None and len(table):
            knots[-1] = max(span.end_s, knots[-2])
            knots = knots.clip(span.begin_s, max(span.end_s, span.begin_s))
        self._knots = knots
        """When each row begins, and the end of the last."""

    def __bool__(self) -> bool:
        return len(self._users) > 0

    @property
    def most(self) -> int | None:
        """The most users there were; None without rows."""
        return int(self._users.max()) if self else None

    def before(self, end_s: float) -> UsersTimeline:
        """The same until ``end_s``."""
        knots, users = self._knots[:-1].tolist(), self._users.tolist()
        rows = [(int(at), n) for at, n in zip(knots, users, strict=True) if at < end_s]
        span = RunSpan(float(self._knots[0]), min(end_s, float(self._knots[-1]))) if rows else None
        return UsersTimeline(rows, span)

    def by_band(self) -> dict[int, float]:
        """The seconds that each band of users lasted; those without users are in none."""
        users, lasted = self._users, np.diff(self._knots)
        bands = np.searchsorted(EDGES, users, side="right") - 1
        totals = np.bincount(bands[users > 0], lasted[users > 0])
        found = np.unique(bands[users > 0])
        return {EDGES[band]: float(totals[band]) for band in found}

    def by_slot(self, doublings: int, numbers: Sequence[int]) -> dict[int, dict[str, float]]:
        """``seconds`` seen and mean ``users`` of slots of 2**``doublings`` seconds.

        ``numbers`` are the slots' since 1970; one of which nothing was seen is left out.
        """
        if not self:
            return {}
        knots, begins = self._knots, np.array([number << doublings for number in numbers], float)
        begins, ends = (
            edges.clip(knots[0], knots[-1]) for edges in (begins, begins + (1 << doublings))
        )
        user_seconds = np.append(0.0, np.cumsum(np.diff(knots) * self._users))
        sums = np.interp(ends, knots, user_seconds) - np.interp(begins, knots, user_seconds)
        return {
            number: {"seconds": seconds, "users": total / seconds}
            for number, seconds, total in zip(
                numbers, (ends - begins).tolist(), sums.tolist(), strict=True
            )
            if seconds > 0
        }
