"""What became of everything: made = sampled out + delivered + spooled + dropped."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class Tally(msgspec.Struct):
    """Numbers of one kind of thing. ``delivered``: the server said so. ``dropped`` by reason."""

    made: int = 0
    sampled_out: int = 0
    delivered: int = 0
    spooled: int = 0
    dropped: dict[str, int] = {}

    @property
    def pending(self) -> int:
        """Those whose fate is open: in a buffer, in the outbox or on the way."""
        known = self.sampled_out + self.delivered + self.spooled + sum(self.dropped.values())
        return self.made - known

    def drop(self, reason: str, number: int) -> None:
        """Count ``number`` as lost for ``reason``."""
        if number:
            self.dropped[reason] = self.dropped.get(reason, 0) + number

    def add(self, other: Tally) -> None:
        """Add another worker's numbers to these."""
        self.made += other.made
        self.sampled_out += other.sampled_out
        self.delivered += other.delivered
        self.spooled += other.spooled
        self.dropped = dict(Counter(self.dropped) + Counter(other.dropped))


class TraceCounts(Tally):
    """The observations of one process, its ``scores`` beside them, and where the spool is.

    JSON-able: ``msgspec.to_builtins(counts)`` and ``msgspec.convert(data, TraceCounts)``.
    """

    scores: Tally = msgspec.field(default_factory=Tally)
    spools: list[str] = []

    @classmethod
    def total(cls, counts: Iterable[TraceCounts]) -> TraceCounts:
        """The sum over workers."""
        total = cls()
        for each in counts:
            total.add(each)
            total.scores.add(each.scores)
            total.spools.extend(each.spools)
        return total
