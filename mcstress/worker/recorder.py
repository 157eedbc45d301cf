"""The recorder: hears every event of a process and passes it to metrics, evidence and tracing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mcstress.evidence.store.policy import EvidencePolicy
from mcstress.evidence.store.segment import Segment
from mcstress.metrics.event import Event
from mcstress.metrics.figures import Figures
from mcstress.services.step import Step
from mcstress.worker.trace_scores import Scores

if TYPE_CHECKING:
    from mcstress.tracing.sink import TraceSink

BATCH = 16
"""Less than a millisecond of work: nobody's answer waits for it. With 64 of them, some KB each with
their lists, each took longer on a machine whose caches were shared."""


class Recorder:
    """Stamps each event with its number, its worker and the users of the moment.

    Runs on the user's greenlet: everything here is arithmetic and appending. Events wait until
    ``BATCH`` are there or ``settle`` is called: counted one after the other, they find the
    processor's caches warm, which halves what they cost.
    """

    def __init__(
        self,
        worker: str,
        k: int,
        segment: Segment,
        policy: EvidencePolicy,
        sinks: Sequence[TraceSink] = (),
    ) -> None:
        self.worker = worker
        self.segment = segment
        self.policy = policy
        self.sinks = tuple(sinks)
        self._scores = Scores(self.sinks) if self.sinks else None
        self.figures = Figures(k, folds=False, say=self._scores.say if self._scores else None)
        self._keeps_bodies = policy.keeps_bodies
        self.users = 0
        self.events_made = 0
        self._waiting: list[Event] = []

    def on_event(self, event: Event, steps: Sequence[Step[Any]]) -> None:
        """Take one event and its steps."""
        self.events_made = event.seq = self.events_made + 1
        event.worker = self.worker
        if not event.users:  # one that is fired late has those of its own time
            event.users = self.users
        if self._keeps_bodies:
            _keep_bodies(event, steps)
        self._waiting.append(event)
        if self._scores is not None:
            self._scores.note(event, steps)
            for sink in self.sinks:
                sink.record(event, steps)  # may wait: the event is no longer this greenlet's own
        if len(self._waiting) >= BATCH:
            self.settle()

    def settle(self) -> None:
        """Count and keep the events that wait. Nobody else has a turn meanwhile."""
        events, self._waiting = self._waiting, []
        self.figures.add_all(events)
        kept = events if self.policy.keeps_all else list(filter(self.policy.keeps, events))
        self.segment.extend(kept)
        if self._scores is not None:
            self._scores.send()


def _keep_bodies(event: Event, steps: Sequence[Step[Any]]) -> None:
    for kept, step in zip(event.steps, steps, strict=True):
        kept.request = step.request.decode("utf-8", "replace")
        kept.response = step.response.decode("utf-8", "replace")
