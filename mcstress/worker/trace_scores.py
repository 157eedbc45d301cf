"""What is said of an event on its trace: determinism, handover hits, judge ratings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mcstress.metrics.event import Event
from mcstress.services.step import Step
from mcstress.tracing.observation import Score

if TYPE_CHECKING:
    from mcstress.tracing.tracer import Tracer

SEARCH = "matrix.search"


class Scores:
    """Puts on the span of an event's search what the metrics find as they count it.

    They count in batches, which nothing may interrupt: ``say`` only takes down, ``send`` comes
    after. ``note`` keeps the spans of a batch until then.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._spans: dict[int, str] = {}
        self._said: list[Score] = []

    def note(self, event: Event, steps: Sequence[Step[Any]]) -> None:
        """Remember where the event's search is, if it had one."""
        for step in steps:
            if step.name == SEARCH:
                self._spans[event.seq] = step.span_id

    def say(self, event: Event, name: str, value: float | bool) -> None:
        """Take down a figure of the event."""
        score = Score(name=name, value=value, trace_id=event.trace_id)
        score.observation_id = self._spans.get(event.seq)
        self._said.append(score)

    def send(self) -> None:
        """All events so far are counted: hand over what was said of them."""
        said, self._said = self._said, []
        self._spans.clear()
        self._tracer.add_scores(said)
