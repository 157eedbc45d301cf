"""Timeline: latency and events over time, in at most 120 slots, mergeable exactly.

Slots begin at multiples of their width since 1970, so that all workers cut time alike. When more
than 120 would be needed, the width doubles and neighbours join; the width in the end depends on
the first and the last second only, not on the order of events.
"""

from __future__ import annotations

from typing import Any

from mcstress.metrics import jaccard
from mcstress.metrics.errors import SLOT_REASONS, Reasons
from mcstress.metrics.event import ARMS
from mcstress.metrics.histogram import Histograms
from mcstress.metrics.rates import rate
from mcstress.metrics.tally import Accumulator, Tally
from mcstress.metrics.users_timeline import UsersTimeline
from mcstress.metrics.worst_events import SEARCH

SLOTS = 120
PERCENTILES = ("p50_ms", "p95_ms", "p99_ms")


class SlotCounts(Accumulator):
    """What began within one stretch of time.

    ``failures``: failed steps by name and reason. ``phases``: events by phase, and whether they
    were not whole (0 or 1). ``determinism``: shared, union. ``handover``: arm, hit at top-1
    (0 or 1), both kinds together.
    """

    def __init__(self) -> None:
        self.steps = Histograms()
        self.failed: Tally[tuple[()]] = Tally()
        self.failures = Reasons(SLOT_REASONS)
        self.outcomes: Tally[tuple[str]] = Tally()
        self.phases: Tally[tuple[str, int]] = Tally()
        self.determinism: Tally[tuple[int, int]] = Tally()
        self.handover: Tally[tuple[str, int]] = Tally()

    def result(self) -> dict[str, Any]:
        """The slot's figures."""
        latency = self.steps.summaries()
        return {
            "events": self.outcomes.total(),
            "not_ok": self.outcomes.total() - self.outcomes[("ok",)],
            "steps": sum(summary["count"] for summary in latency.values()),
            "failed": self.failed[()],
            "latency": {
                name: {key: summary[key] for key in ("count", *PERCENTILES)}
                for name, summary in latency.items()
            },
            "determinism": {
                "pairs": self.determinism.total(),
                "mean_jaccard": jaccard.mean(self.determinism),
            },
            "handover": {arm: self._arm(arm) for arm in ARMS},
            "failures": self.failures.rows(self.failed[()]),
            "phases": self._phases(),
            "searches": self.steps[SEARCH].coarse() if SEARCH in self.steps else [],
        }

    def _phases(self) -> dict[str, Any]:
        names = sorted({phase for phase, _ in self.phases})
        return {
            name: {
                "events": self.phases[name, 0] + self.phases[name, 1],
                "not_ok": self.phases[name, 1],
            }
            for name in names
        }

    def asked(self) -> int:
        """How many steps, failed ones too."""
        return sum(histogram.count for histogram in self.steps.values())

    def _arm(self, arm: str) -> dict[str, Any]:
        top1 = self.handover[arm, 1]
        queries = top1 + self.handover[arm, 0]
        return {"queries": queries, "top1": top1, "top1_rate": rate(top1, queries)}


class TimelineCounts:
    """Slots of 2**``doublings`` seconds by their number since 1970."""

    def __init__(self) -> None:
        self.doublings = 0
        self.slots: dict[int, SlotCounts] = {}

    def at(self, second: int) -> SlotCounts:
        """The slot of a Unix second."""
        slot = self.slots.get(second >> self.doublings)
        if slot is None:
            self.slots[second >> self.doublings] = SlotCounts()
            self._fit()
            slot = self.slots[second >> self.doublings]
        return slot

    def _fit(self) -> None:
        first, last = min(self.slots), max(self.slots)
        doublings = self.doublings
        while (last >> doublings - self.doublings) - (first >> doublings - self.doublings) >= SLOTS:
            doublings += 1
        self._widen(doublings)

    def _widen(self, doublings: int) -> None:
        """Join slots until they are 2**``doublings`` seconds wide.

        One after the other, into the first of each: twice as many at once would stay this process's
        memory for good.
        """
        shift = doublings - self.doublings
        if not shift:
            return
        narrow, self.slots = self.slots, {}
        for number in [*narrow]:
            slot = narrow.pop(number)
            first = self.slots.setdefault(number >> shift, slot)
            if first is not slot:
                first.merge(slot)
        self.doublings = doublings

    def _take_in(self, slots: dict[int, SlotCounts], shift: int) -> None:
        for number, slot in slots.items():
            self.slots.setdefault(number >> shift, SlotCounts()).merge(slot)

    def merge(self, other: TimelineCounts) -> None:
        """Add ``other``'s slots to these."""
        if other.slots:
            self._widen(max(self.doublings, other.doublings))
            self._take_in(other.slots, self.doublings - other.doublings)
            self._fit()

    def coarse(self, most: int, begin_s: float, end_s: float) -> TimelineCounts:
        """The same in at most so many slots, from ``begin_s`` to ``end_s`` or beyond.

        Slots in which nothing began are there, too; none where nothing did at all.
        """
        joined = TimelineCounts()
        joined.merge(self)
        if self.slots:
            first = min(*self.slots, int(begin_s) >> self.doublings)
            last, doublings = max(*self.slots, int(end_s) >> self.doublings), 0
            while (last >> doublings) - (first >> doublings) >= most:
                doublings += 1
            joined._widen(self.doublings + doublings)
            for number in range(first >> doublings, (last >> doublings) + 1):
                joined.slots.setdefault(number, SlotCounts())
        return joined

    def state(self) -> dict[str, Any]:
        """``{"doublings": n, "slots": {number: state}}``; empty where nothing was added."""
        slots = {str(number): self.slots[number].state() for number in sorted(self.slots)}
        return {"doublings": self.doublings, "slots": slots} if slots else {}

    def restore(self, state: dict[str, Any]) -> None:
        """Add what ``state()`` gave."""
        other = TimelineCounts()
        other.doublings = state.get("doublings", 0)
        for number, slot in state.get("slots", {}).items():
            other.slots.setdefault(int(number), SlotCounts()).restore(slot)
        self.merge(other)

    def result(self, users: UsersTimeline) -> dict[str, Any]:
        """``{"slot_s": width, "slots": [{"time": unix second, "users": mean, …}]}``, ascending."""
        by_slot = users.by_slot(self.doublings, sorted(self.slots))
        return {
            "slot_s": 1 << self.doublings,
            "slots": [
                {
                    "time": number << self.doublings,
                    **by_slot.get(number, {"seconds": None, "users": None}),
                    **self.slots[number].result(),
                }
                for number in sorted(self.slots)
            ],
        }
