"""What is said of an event on its trace: determinism, handover hits, judge ratings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metrics.event import Event
from metrics.jaccard import jaccard, overlap
from services.step import Step
from tracing.tracer import Tracer

SEARCH = "matrix.search"
HANDOVERS = ("handover", "handover_paraphrase")


class Scores:
    """Scores each event's search as it comes. Best effort, as all tracing."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._baselines: dict[tuple[str, str | None], list[str]] = {}

    def add(self, event: Event, steps: Sequence[Step[Any]]) -> None:
        """Send what there is to say of the event."""
        if event.phase == "baseline":
            self._baselines[event.coordinator, event.role] = event.ids()
        if event.outcome != "ok" or event.top_k is None:
            return
        for name, value in self._said_of(event):
            self._tracer.score(
                name, value, trace_id=event.trace_id, observation_id=_search_span(steps)
            )

    def _said_of(self, event: Event) -> list[tuple[str, float | bool]]:
        ids = event.ids()
        if event.phase == "reissue":
            baseline = self._baselines.pop((event.coordinator, event.role), None)
            pair = None if baseline is None else overlap(frozenset(baseline), ids)
            return [] if pair is None else [("determinism", jaccard(*pair))]
        if event.phase in HANDOVERS and event.arm == "memory":
            return [("handover_top1", ids[:1] == [event.expected])]
        return [] if event.rating is None else [("judge_rating", float(event.rating))]


def _search_span(steps: Sequence[Step[Any]]) -> str | None:
    return next((step.span_id for step in steps if step.name == SEARCH), None)
