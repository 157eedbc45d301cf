"""Sums: all that is counted. What a worker hands over, and what the master adds up."""

from __future__ import annotations

from typing import Any

from metrics.band import Bands, band_of
from metrics.event import Event
from metrics.faults import Faults
from metrics.moment import Moment
from metrics.rounds import Rounds
from metrics.timeline import Timeline
from metrics.worst import WorstReissues

SETTLE_AT = 50_000
"""Events after which moments are settled, even where nobody asks: their latencies take memory."""


class Sums:
    """The parts; those but ``rounds`` add up by themselves. Readers call ``settle`` first."""

    def __init__(self, cells: int | None = None) -> None:
        self.bands = Bands()
        self.timeline = Timeline()
        self.worst = WorstReissues()
        self.faults = Faults()
        self.rounds = Rounds(cells)
        self._moments: dict[tuple[int, int], Moment] = {}
        self._last: tuple[int, int, Moment] | None = None
        self._events = 0

    def moment_of(self, event: Event) -> Moment:
        """The moment that an event belongs to: the second it began in, its band of users."""
        second, users, last = int(event.time.timestamp()), event.users, self._last
        self._events += 1
        if last is not None and last[0] == second and last[1] == users:
            return last[2]
        if self._events > SETTLE_AT:
            self.settle()
        key = (band_of(users), second)
        moment = self._moments.get(key)
        if moment is None:
            moment = self._moments[key] = Moment(key[0], self.bands[key[0]])
        self._last = (second, users, moment)
        return moment

    def settle(self) -> None:
        """Bring bands and timeline up to date."""
        for (_, second), moment in self._moments.items():
            moment.settle(self.timeline.at(second))
        self._moments, self._last, self._events = {}, None, 0

    def merge(self, other: Sums) -> None:
        """Add all but the waiting lists; both are settled."""
        self.bands.merge(other.bands)
        self.timeline.merge(other.timeline)
        self.worst.merge(other.worst)
        self.faults.merge(other.faults)

    def state(self) -> dict[str, Any]:
        """The states of the parts that hold anything, by name."""
        parts = {
            "bands": self.bands.state(),
            "timeline": self.timeline.state(),
            "worst": self.worst.state(),
            "faults": self.faults.state(),
            "rounds": self.rounds.state(),
        }
        return {name: part for name, part in parts.items() if part}

    def restore(self, state: dict[str, Any]) -> None:
        """Add what ``state()`` gave; the lists wait as they did."""
        self.bands.restore(state.get("bands", {}))
        self.timeline.restore(state.get("timeline", {}))
        self.worst.restore(state.get("worst", []))
        self.faults.restore(state.get("faults", []))
        self.rounds.restore(state.get("rounds", []))
