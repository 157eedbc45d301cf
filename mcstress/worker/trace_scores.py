"""What is said of an event on its trace: determinism, handover hits, judge ratings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mcstress.metrics.event import Event
from mcstress.services.step import Step
from mcstress.tracing.observation import Score

if TYPE_CHECKING:
    from mcstress.tracing.sink import TraceSink

SEARCH = "matrix.search"


class Scores:
    """Puts on the span of an event's search what the metrics find as they count it.

    They count in batches, which nothing may interrupt: ``say`` only takes down, ``send`` comes
    after. ``note`` keeps the searches of a batch until then.
    """

    def __init__(self, sinks: Sequence[TraceSink]) -> None:
        self._sinks = sinks
        self._searches: dict[int, Step[Any]] = {}
        self._said: list[Score] = []

    def note(self, event: Event, steps: Sequence[Step[Any]]) -> None:
        """Remember where the event's search is, if it had one."""
        for step in steps:
            if step.name == SEARCH:
                self._searches[event.seq] = step

    def say(self, event: Event, name: str, value: float | bool) -> None:
        """Take down a figure of the event."""
        score = Score(name=name, value=value, trace_id=event.trace_id)
        search = self._searches.get(event.seq)
        if search is not None:
            score.observation_id = search.span_id
            score.at_ns = int((search.start_s + search.latency_ms / 1000) * 1e9)
        self._said.append(score)

    def send(self) -> None:
        """All events so far are counted: hand over what was said of them."""
        said, self._said = self._said, []
        self._searches.clear()
        for sink in self._sinks:
            sink.add_scores(said)
