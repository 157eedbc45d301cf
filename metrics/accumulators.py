"""Sums: all that is counted. What a worker hands over, and what the master adds up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from mcstress.metrics.availability import Availability
from mcstress.metrics.band import Bands, load_band
from mcstress.metrics.event import Event, utc
from mcstress.metrics.metric import Faults, Say
from mcstress.metrics.rounds import Rounds
from mcstress.metrics.second_bucket import SecondBucket
from mcstress.metrics.timeline import TimelineCounts
from mcstress.metrics.worst_events import Examples, WorstReissues

SETTLE_AT = 50_000
"""Events after which moments are settled, even where nobody asks: their latencies take memory."""

Load = int | tuple[float, int | UnsetType]
"""What an event's band depends on: the users then, or by a schedule the rate, and the trial."""


class Accumulators:
    """The parts; those but ``rounds`` add up by themselves. Readers call ``settle`` first.

    ``say`` hears of single events.
    """

    def __init__(self, cells: int | None = None, say: Say | None = None) -> None:
        self._say = say
        self.bands = Bands()
        self.timeline = TimelineCounts()
        self.availability = Availability()
        self.worst = WorstReissues()
        self.examples = Examples()
        self.faults = Faults()
        self.rounds = Rounds(cells)
        self._moments: dict[tuple[int, int], SecondBucket] = {}
        self._last: tuple[datetime, datetime, Load, SecondBucket] | None = None
        self._events = 0

    def moment_of(self, event: Event) -> SecondBucket:
        """The moment that an event belongs to: the second it began in, its band of users."""
        self._events += 1
        scheduled = event.scheduled
        load: Load = event.users
        if scheduled is not UNSET and scheduled.hour is None:
            load = (scheduled.offered_per_s, scheduled.trial)
        if self._last is not None:
            begin, end, of_last, last = self._last
            if load == of_last and begin <= event.time < end:
                return last
        if self._events > SETTLE_AT:
            self.settle()
        second, band = int(event.time.timestamp()), load_band(event)
        moment = self._moments.get((band, second))
        if moment is None:
            moment = self._moments[band, second] = SecondBucket(
                band,
                self.bands[band],
                faults=self.faults,
                worst=self.worst,
                examples=self.examples,
                availability=self.availability,
                say=self._say,
            )
        self._last = (utc(second), utc(second + 1), load, moment)
        return moment

    def settle(self) -> None:
        """Bring bands and timeline up to date."""
        for (_, second), moment in self._moments.items():
            moment.settle(self.timeline.at(second))
        self._moments, self._last, self._events = {}, None, 0

    def merge(self, other: Accumulators) -> None:
        """Add all but the waiting lists; both are settled."""
        self.bands.merge(other.bands)
        self.timeline.merge(other.timeline)
        self.availability.merge(other.availability)
        self.worst.merge(other.worst)
        self.examples.merge(other.examples)
        self.faults.merge(other.faults)

    def state(self) -> dict[str, Any]:
        """The states of the parts that hold anything, by name."""
        parts = {
            "bands": self.bands.state(),
            "timeline": self.timeline.state(),
            "availability": self.availability.state(),
            "worst": self.worst.state(),
            "examples": self.examples.state(),
            "faults": self.faults.state(),
            "rounds": self.rounds.state(),
        }
        return {name: part for name, part in parts.items() if part}

    def restore(self, state: dict[str, Any]) -> None:
        """Add what ``state()`` gave; the lists wait as they did."""
        self.bands.restore(state.get("bands", {}))
        self.timeline.restore(state.get("timeline", {}))
        self.availability.restore(state.get("availability", {}))
        self.worst.restore(state.get("worst", []))
        self.examples.restore(state.get("examples", {}))
        self.faults.restore(state.get("faults", []))
        self.rounds.restore(state.get("rounds", []))
