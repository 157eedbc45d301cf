"""What is said of an event on its trace: determinism, handover hits, judge ratings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metrics.event import Event
from metrics.handover import KINDS
from metrics.jaccard import jaccard, overlap
from metrics.observer import changed
from metrics.pairing import Pairing, compact
from metrics.rates import ABSENT, TOP1, place
from services.step import Step

if TYPE_CHECKING:
    from tracing.tracer import Tracer

SEARCH = "matrix.search"

Said = list[tuple[str, float | bool]]


class Scores:
    """Scores each event's search as it comes, of the same events and pairs as the report."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._pairing = Pairing()

    def add(self, event: Event, steps: Sequence[Step[Any]]) -> None:
        """Send what there is to say of the event. Best effort, as all tracing."""
        try:
            for name, value in self._said_of(event):
                span_id = _search_span(steps)
                self._tracer.score(name, value, trace_id=event.trace_id, observation_id=span_id)
        except Exception as fault:  # noqa: BLE001  (best-effort border: tracing harms no run)
            self._tracer.caught(fault)

    def _said_of(self, event: Event) -> Said:
        if event.outcome == "cut" or event.top_k is None:
            return []
        ids = list(dict.fromkeys(event.ids()))
        if event.phase == "baseline":
            self._pairing.remember(event, compact(ids))
        elif event.phase == "reissue":
            return self._determinism(event, ids)
        elif event.phase in KINDS and event.arm == "memory" and event.expected is not None:
            at = place(ids, event.expected)
            return [("handover_top1", at == TOP1), ("handover_top_k", at != ABSENT)]
        return [] if event.rating is None else [("judge_rating", float(event.rating))]

    def _determinism(self, event: Event, ids: list[str]) -> Said:
        baseline = self._pairing.recall(event, "baseline")
        if baseline is None or changed(baseline.corpus_sizes, event.corpus_sizes):
            return []
        return [("determinism", jaccard(*overlap(frozenset(baseline.ids), ids)))]


def _search_span(steps: Sequence[Step[Any]]) -> str | None:
    return next((step.span_id for step in steps if step.name == SEARCH), None)
