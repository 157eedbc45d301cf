"""When events are to begin, second by second: a pure function of seed, rate and second.

Any process works any second out alone. Estimator: none; the law is what is asked for. ``poisson``:
a second has N ~ Poisson(rate) arrivals, at places that are uniform within it (the gaps of a Poisson
process, drawn from Philox under a key hashed from seed and second, whose stream numpy keeps the
same in all versions: NEP 19). ``constant``: equal gaps of 1/rate, across seconds too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from math import sqrt
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

ArrivalKind = Literal["poisson", "constant"]
KINDS: tuple[ArrivalKind, ...] = ("poisson", "constant")

Share = tuple[str, int]
"""A process's name, and how many of its users are in the pool."""

Places = NDArray[np.float64]
"""Seconds after the beginning of a second, ascending, in [0, 1)."""

_TO_UNIT = 2.0**-53
_SPARE = 20


class ArrivalRate(msgspec.Struct, frozen=True):
    """Arrivals a second: evenly from ``from_per_s`` to ``to_per_s`` in ``over_s``, then that."""

    from_per_s: float
    to_per_s: float
    over_s: float = 0.0

    def up_to(self, time_s: float) -> float:
        """How many are expected before ``time_s``: the integral from 0."""
        ramp_s = min(time_s, self.over_s)
        if ramp_s <= 0:
            return self.to_per_s * time_s
        reached = self.from_per_s + (self.to_per_s - self.from_per_s) * ramp_s / self.over_s
        return (self.from_per_s + reached) / 2 * ramp_s + self.to_per_s * (time_s - ramp_s)

    def __str__(self) -> str:
        """``50/s``, ``10 to 100/s``."""
        if self.over_s and self.from_per_s != self.to_per_s:
            return f"{self.from_per_s:,.10g} to {self.to_per_s:,.10g}/s"
        return f"{self.to_per_s:,.10g}/s"


class ScheduleSecond(msgspec.Struct, frozen=True):
    """One second of a schedule: the ``number``-th from 0.

    ``rate_per_s``: arrivals that are expected in it; ``before``: in all seconds before it, or of
    its trial. ``trial``: its number in a search for the capacity, else 0.
    """

    number: int
    rate_per_s: float
    before: float
    trial: int = 0


class GrantedSecond(msgspec.Struct, frozen=True):
    """A second that may begin, and who has how many of the users that take its arrivals."""

    second: ScheduleSecond
    shares: tuple[Share, ...]


class ArrivalCounts(msgspec.Struct):
    """What became of the arrivals that one process was granted.

    ``missed``: nobody took them within the longest wait. ``cut``: they waited when the run ended.
    ``withdrawn``: it ended before they came. What is in none of these is yet to come, or waits.
    """

    granted: int = 0
    begun: int = 0
    missed: int = 0
    cut: int = 0
    withdrawn: int = 0


class RatePlan:
    """A run's rate over time. A change holds from its second on; those before stay as they are."""

    def __init__(self, rate: ArrivalRate) -> None:
        self._begin, self._before, self.rate = 0, 0.0, rate

    def change(self, rate: ArrivalRate, second: int) -> None:
        """From ``second`` on, which is not yet planned, the rate is another."""
        self._before += self.rate.up_to(second - self._begin)
        self._begin, self.rate = second, rate

    def second(self, number: int) -> ScheduleSecond | None:
        """A second from the last change on; None where nothing is to be offered in it."""
        at = number - self._begin
        before, after = self.rate.up_to(at), self.rate.up_to(at + 1)
        return ScheduleSecond(number, after - before, self._before + before)


class TrialPlan(RatePlan):
    """One rate after the other, each for some seconds, and nothing in between."""

    def __init__(self, rate: ArrivalRate) -> None:
        super().__init__(rate)
        self._trial, self._seconds = 0, 0

    def begin(self, trial: int, per_s: float, second: int, seconds: int) -> None:
        """From ``second`` on, which is not yet planned, ``per_s`` are offered for ``seconds``."""
        self.rate, self._begin = ArrivalRate(per_s, per_s), second
        self._trial, self._seconds = trial, seconds

    def second(self, number: int) -> ScheduleSecond | None:
        """A second of the last trial that was begun; None after it."""
        at = number - self._begin
        if not 0 <= at < self._seconds:
            return None
        return ScheduleSecond(number, self.rate.to_per_s, self.rate.to_per_s * at, self._trial)


def places(second: ScheduleSecond, kind: ArrivalKind, seed: int) -> Places:
    """When the arrivals of ``second`` come."""
    if second.rate_per_s <= 0:
        return np.empty(0)
    return _evenly(second) if kind == "constant" else _by_chance(second, seed)


def _evenly(second: ScheduleSecond) -> Places:
    """Arrival n comes where n + 1/2 are expected before it: so many a second, none at its edge."""
    first = np.ceil(second.before - 0.5)
    numbers = np.arange(first, second.before + second.rate_per_s - 0.5)
    found: Places = (numbers + 0.5 - second.before) / second.rate_per_s
    return found[(found >= 0) & (found < 1)]


def _by_chance(second: ScheduleSecond, seed: int) -> Places:
    rate = second.rate_per_s
    stream = np.random.Philox(key=_hashed(seed, second.number, 16))
    piece = int(rate + 6 * sqrt(rate)) + _SPARE
    gaps: list[Places] = []
    total = 0.0
    while total < rate:
        drawn = (stream.random_raw(piece) >> np.uint64(11)) * _TO_UNIT
        gaps.append(-np.log1p(-drawn))
        total += float(gaps[-1].sum())
    found: Places = np.cumsum(np.concatenate(gaps)) / rate
    return found[found < 1]


def dealt(
    second: ScheduleSecond, kind: ArrivalKind, seed: int, shares: Sequence[Share]
) -> list[tuple[str, Places]]:
    """The arrivals of ``second`` by process, dealt over all users in turn; none without users.

    A process has as many turns as it has users, spread among the others'; the turn goes on from
    second to second where arrivals come evenly, and begins anywhere where they come by chance.
    """
    when = places(second, kind, seed)
    turns = _turns(tuple(shares))
    if not len(turns):
        return [(name, when[:0]) for name, _ in shares]
    if kind == "constant":
        first = int(np.ceil(second.before - 0.5))
    else:
        first = _hashed(seed, f"{second.number}/turn", 8) % len(turns)
    whose = turns[(first + np.arange(len(when))) % len(turns)]
    return [(name, when[whose == number]) for number, (name, _) in enumerate(shares)]


@lru_cache(maxsize=8)
def _turns(shares: tuple[Share, ...]) -> NDArray[np.int64]:
    """The process of each turn: user j of n stands at (j + 1/2)/n of the way."""
    counts = np.array([users for _, users in shares], np.int64)
    whose = np.repeat(np.arange(len(counts)), counts)
    users = np.concatenate([np.arange(count) for count in counts]) if len(counts) else counts
    along = (users + 0.5) / counts[whose]
    found: NDArray[np.int64] = whose[np.argsort(along, kind="stable")]
    return found


def _hashed(seed: int, what: object, size: int) -> int:
    digest = blake2b(f"{seed}/arrivals/{what}".encode(), digest_size=size).digest()
    return int.from_bytes(digest, "big")
