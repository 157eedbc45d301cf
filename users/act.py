"""An act: one event in the making. What happens inside becomes its steps."""

from __future__ import annotations

from time import time
from types import TracebackType
from typing import Any, Self, TypeVar

from locust.exception import StopUser

from metrics.event import Event, Hit, Outcome, StepRecord, utc
from services.step import Step
from services.wire import RecordRequest, SearchAnswer, SearchRequest
from users.coordinator import Coordinator

Taken = TypeVar("Taken", bound=Step[Any])


class Act:
    """A context: on leaving it, however, the event is fired once, with its steps.

    Left by the end of the run, the event is ``cut``; with a step that failed, ``failed``.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        phase: str,
        *,
        contract: str | None = None,
        role: str | None = None,
        query: str | None = None,
    ) -> None:
        self.coordinator = coordinator
        self.trace = coordinator.trace(phase)
        self.steps: list[Step[Any]] = []
        run = coordinator.run
        self.event = Event(
            time=utc(time()),
            round=coordinator.round,
            trio=coordinator.seat.trio,
            variant=coordinator.variant.number,
            phase=phase,
            coordinator=coordinator.seat.name,
            namespace=coordinator.namespace,
            contract=contract,
            role=role,
            query=query,
            k=run.top_k,
            trace_id=self.trace.trace_id,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        event = self.event
        if kind is not None:
            self._leave_by(kind, fault)
        elif failed := next((step for step in self.steps if step.error), None):
            event.outcome, event.error = "failed", f"{failed.name}: {failed.error}"
        event.steps = [
            StepRecord(step.name, utc(step.start_s), step.latency_ms, step.error, step.queue_ms)
            for step in self.steps
        ]
        event.latency_ms = sum(step.latency_ms for step in self.steps)
        # The phase may hold this act while its user thinks: bodies must not be held with it.
        steps, self.steps = self.steps, []
        self.coordinator.fire(event=event, steps=steps)

    def _leave_by(self, kind: type[BaseException], fault: BaseException | None) -> None:
        # Beside Locust's own: GreenletExit, and a KeyboardInterrupt that hits whoever runs.
        cut = issubclass(kind, StopUser) or not issubclass(kind, Exception)
        self.event.outcome = "cut" if cut else "failed"
        self.event.error = None if cut else f"{kind.__name__}: {fault}"

    def leave_out(self, outcome: Outcome, reason: str) -> None:
        """Say why nothing was asked."""
        self.event.outcome, self.event.error = outcome, reason

    def search(
        self,
        query: str,
        *,
        memory: str | None = None,
        role: str | None = None,
        corpora: list[str] | None = None,
        exclude_ids: list[str] | None = None,
    ) -> SearchAnswer | None:
        """Search, with the playbook corpus ``memory`` or by retrieval only; None where it failed.

        The event takes its list from here; an event has one search.
        """
        scenario, event = self.coordinator.run.scenario, self.event
        playbook = scenario.playbook
        corpora = corpora or scenario.corpora
        request = SearchRequest(query_text=query, corpora=corpora, k=event.k)
        if memory is not None:
            request.use_playbook = True
            request.playbook_corpus = memory
            request.playbook_top_k = playbook.top_k
            request.playbook_max_distance = playbook.max_distance
            request.playbook_max_inject_distance = playbook.max_inject_distance
            request.query_role = role
        request.exclude_ids = exclude_ids or []
        event.query, event.exclude_ids = query, exclude_ids
        event.corpus_sizes = self.coordinator.around.corpus_sizes(corpora)
        step = self.take(self.coordinator.gateway.search(request, self.trace))
        if step.answer is not None:
            self._keep(step.answer)
        return step.answer

    def _keep(self, answer: SearchAnswer) -> None:
        event = self.event
        event.top_k = [Hit(hit.id, hit.corpus, hit.distance) for hit in answer.results]
        event.per_corpus_counts = answer.per_corpus_counts
        event.boosted, event.injected = answer.playbook_boosted, answer.playbook_injected

    def record(self, query: str, answer_id: str, answer_corpus: str, role: str) -> bool:
        """Record the choice in the coordinator's own namespace; whether it was taken."""
        request = RecordRequest(
            query_text=query,
            answer_id=answer_id,
            answer_corpus=answer_corpus,
            score=1.0,
            corpus=self.coordinator.namespace,
            role=role,
        )
        return self.take(self.coordinator.gateway.record(request, self.trace)).error is None

    def take(self, step: Taken) -> Taken:
        """Count the step among the event's own."""
        self.steps.append(step)
        return step
