"""What is said of an event on its trace: determinism, handover hits, judge ratings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metrics.event import Event
from services.step import Step

if TYPE_CHECKING:
    from tracing.tracer import Tracer

SEARCH = "matrix.search"


class Scores:
    """Puts on the span of an event's search what the metrics find as they count it.

    They count in batches: ``note`` keeps the spans of a batch, ``settled`` lets them go.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._spans: dict[int, str] = {}

    def note(self, event: Event, steps: Sequence[Step[Any]]) -> None:
        """Remember where the event's search is, if it had one."""
        for step in steps:
            if step.name == SEARCH:
                self._spans[event.seq] = step.span_id

    def say(self, event: Event, name: str, value: float | bool) -> None:
        """Send a figure of the event. Best effort, as all tracing."""
        try:
            span_id = self._spans.get(event.seq)
            self._tracer.score(name, value, trace_id=event.trace_id, observation_id=span_id)
        except Exception as fault:  # noqa: BLE001  (best-effort border: tracing harms no run)
            self._tracer.caught(fault)

    def settled(self) -> None:
        """All events so far are counted."""
        self._spans.clear()
