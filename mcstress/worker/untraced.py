"""What stands in a tracer's place on a worker that cannot trace: its steps are counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from mcstress.metrics.event import Event
from mcstress.tracing.counts import TraceCounts

COULD_NOT = "worker could not trace"


class Untraced:
    """``reason``: why this process traces nothing though the run is traced."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self._steps = 0

    def note(self, events: Iterable[Event]) -> None:
        """Count the steps of ``events``."""
        self._steps += sum(len(event.steps) for event in events)

    def counts(self) -> dict[str, Any]:
        """As a tracer's, with the reason as ``fault``."""
        counts = TraceCounts(made=self._steps)
        counts.drop(COULD_NOT, self._steps)
        told: dict[str, Any] = msgspec.to_builtins(counts)
        return told | {"fault": self.reason}
