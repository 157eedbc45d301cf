"""How a line is read that should be an event: at a glance, or with all that could be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from mcstress.metrics.event import Event, decoder

MOST = 10**12
"""More than any count, and any number of milliseconds, in a run."""
YEARS = range(1970, 2200)


class EventMark(msgspec.Struct):
    """What orders events."""

    time: datetime
    worker: str = ""
    seq: int = 0


class Damage(msgspec.Struct, frozen=True):
    """A line that is no event and no record: where it stands, and what is wrong with it."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


class ReadOptions(msgspec.Struct, frozen=True):
    """``strict`` decodes events wholly and looks at their values; else only what orders them.

    ``k`` is the length of the run's lists, where it is known. ``skip_damaged``: a line that is
    damaged is left out, where it would be refused.
    """

    strict: bool = False
    k: int | None = None
    skip_damaged: bool = False

    def marks(self, texts: Sequence[bytes]) -> Sequence[Event | EventMark]:
        """What orders the events of ``texts``. Raises one of DECODE_ERRORS, or ValueError."""
        if not self.strict:
            return list(map(mark_decoder.decode, texts))
        events = list(map(decoder.decode, texts))
        for event in events:
            if fault := _fault(event, self.k):
                raise ValueError(fault)
        return events


QUICK = ReadOptions()
mark_decoder = msgspec.json.Decoder(EventMark)


def _fault(event: Event, k: int | None) -> str:
    """What no run writes into an event."""
    if k is not None and event.k != k:
        return f"k is {event.k}; the run's is {k}"
    if event.time.year not in YEARS:
        return f"time is in the year {event.time.year}"
    counts = {"seq": event.seq, "users": event.users, "round": event.round, "trio": event.trio}
    for name, count in counts.items():
        if not 0 <= count <= MOST:
            return f"{name} is out of range"
    for step in event.steps:
        if not (0 <= step.latency_ms <= MOST and 0 <= step.queue_ms <= MOST):
            return f"a latency of {step.name} is out of range"
    return "" if 0 <= event.latency_ms <= MOST else "latency_ms is out of range"
