"""A band of concurrent users, and all figures within it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from mcstress.metrics.determinism import Determinism
from mcstress.metrics.diversity import Diversity
from mcstress.metrics.errors import Errors
from mcstress.metrics.freshness import Freshness
from mcstress.metrics.handover import Handover
from mcstress.metrics.inbox import Inbox
from mcstress.metrics.latency import Latency
from mcstress.metrics.phase import PHASES
from mcstress.metrics.swap import Swap
from mcstress.metrics.tally import Accumulator, Tally
from mcstress.metrics.unparseable import Unparseable

EDGES: list[int] = [mantissa * 10**power for power in range(8) for mantissa in (1, 2, 5)]
"""The lowest number of users of each band: 1, 2, 5, 10, 20, 50, …"""

OUTCOMES = ("ok", "failed", "skipped", "unmet", "cut")


def band_of(users: int) -> int:
    """The lowest number of users in the band of ``users``, which are at least the event's own."""
    return EDGES[bisect_right(EDGES, max(users, 1)) - 1]


class Band(Accumulator):
    """Every metric, over the events of one band. ``events``: phase, outcome."""

    def __init__(self) -> None:
        self.events: Tally[tuple[str, str]] = Tally()
        self.latency = Latency()
        self.errors = Errors()
        self.diversity = Diversity()
        self.determinism = Determinism()
        self.handover = Handover()
        self.freshness = Freshness()
        self.swap = Swap()
        self.inbox = Inbox()
        self.unparseable = Unparseable()

    def result(
        self, k: int, planned: Mapping[str, int], candidates: Mapping[str, int] | None
    ) -> dict[str, Any]:
        """The ``metrics`` section (DESIGN.md section 6)."""
        return {
            "diversity": self.diversity.result(k, planned, candidates),
            "determinism": self.determinism.result(planned.get("determinism", 0)),
            "handover": self.handover.result(planned),
            "freshness": self.freshness.result(planned.get("freshness", 0)),
            "swap": self.swap.result(planned.get("swap", 0)),
            "inbox": self.inbox.result(planned.get("inbox", 0)),
            "llm": self.unparseable.result(self.latency.steps, self.errors.failed),
            "errors": self.errors.result(self.latency.steps),
            "events": self._events(),
        }

    def _events(self) -> dict[str, Any]:
        by_phase, by_outcome = dict.fromkeys(PHASES, 0), dict.fromkeys(OUTCOMES, 0)
        for (phase, outcome), count in sorted(self.events.items()):
            by_phase[phase] = by_phase.get(phase, 0) + count
            by_outcome[outcome] += count
        return {
            "total": self.events.total(),
            "by_phase": by_phase,
            "by_outcome": by_outcome,
        }


class Bands(dict[int, Band]):
    """Bands by their lowest number of users."""

    def __missing__(self, users_from: int) -> Band:
        band = self[users_from] = Band()
        return band

    def merge(self, other: Bands) -> None:
        """Add ``other``'s bands to these."""
        for users_from, band in other.items():
            self[users_from].merge(band)

    def state(self) -> dict[str, Any]:
        """The states by lowest number of users."""
        return {str(users_from): self[users_from].state() for users_from in sorted(self)}

    def restore(self, state: dict[str, Any]) -> None:
        """Add what ``state()`` gave."""
        for users_from, band in state.items():
            self[int(users_from)].restore(band)

    def joined(self) -> Band:
        """All bands as one."""
        total = Band()
        for users_from in sorted(self):
            total.merge(self[users_from])
        return total
