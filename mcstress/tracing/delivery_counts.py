"""What became of everything: made = sampled out + delivered + spooled + dropped."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Self

import msgspec

from mcstress.tracing.sink import SinkName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""No worker counts further, and every reader of JSON has whole numbers up to there."""

SpoolPath = Annotated[str, msgspec.Meta(max_length=4096)]


class FateCounts(msgspec.Struct):
    """Numbers of one kind of thing. ``delivered``: the server said so. ``dropped`` by reason."""

    made: Count = 0
    sampled_out: Count = 0
    delivered: Count = 0
    spooled: Count = 0
    dropped: dict[str, Count] = {}

    @property
    def pending(self) -> int:
        """Those whose fate is open: in a buffer, in the outbox or on the way."""
        known = self.sampled_out + self.delivered + self.spooled + sum(self.dropped.values())
        return self.made - known

    def drop(self, reason: str, number: int) -> None:
        """Count ``number`` as lost for ``reason``."""
        if number:
            self.dropped[reason] = self.dropped.get(reason, 0) + number

    def add(self, other: FateCounts) -> None:
        """Add another worker's numbers to these."""
        self.made += other.made
        self.sampled_out += other.sampled_out
        self.delivered += other.delivered
        self.spooled += other.spooled
        self.dropped = dict(Counter(self.dropped) + Counter(other.dropped))


class TraceCounts(FateCounts):
    """The observations of one process, its ``scores`` beside them, and where the spool is.

    JSON-able: ``msgspec.to_builtins(counts)`` and ``msgspec.convert(data, TraceCounts)``.
    """

    scores: FateCounts = msgspec.field(default_factory=FateCounts)
    spools: Annotated[list[SpoolPath], msgspec.Meta(max_length=100)] = []

    @classmethod
    def total(cls, counts: Iterable[TraceCounts]) -> Self:
        """The sum over workers."""
        total = cls()
        for each in counts:
            total.add(each)
            total.scores.add(each.scores)
            total.spools.extend(each.spools)
        return total


class SinkCounts(TraceCounts):
    """What a process says of one sink. ``fault``: why it could send nothing there."""

    fault: str = ""


ProcessCounts = dict[SinkName, SinkCounts]
"""What became of everything that one process made, by sink."""
SaidCounts = dict[str, dict[str, Any]]
"""The same as JSON has it, and as messages do."""


def counts_of(said: Mapping[str, Any]) -> ProcessCounts:
    """Raises msgspec.ValidationError where it is nothing that a process may say."""
    return msgspec.convert(said, ProcessCounts)
