"""An act: one event in the making. What happens inside becomes its steps."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter
from types import TracebackType
from typing import Any, Self, TypeVar

from locust.exception import StopUser
from msgspec import UNSET

from mcstress.metrics.event import (
    POLL,
    Event,
    Item,
    MemoryAsked,
    Outcome,
    Scheduled,
    StepRecord,
    worded,
)
from mcstress.services.steady_clock import CLOCK
from mcstress.services.step import Step, cut_step, part_times
from mcstress.services.target import FATES, Found, NewItem, Recording, Search
from mcstress.users.coordinator import Coordinator
from mcstress.users.memory import leaks
from mcstress.users.relevance import DemandRules

Taken = TypeVar("Taken", bound=Step[Any])
_at = datetime.fromtimestamp


class EventScope:
    """A context: on leaving it, however, the event is fired once, with its steps.

    Left by the end of the run, the event is ``cut``, and has the step that was under way; with a
    step that failed, ``failed``. ``number`` is that of a message or a resume, for the event's
    question; without, the question is the demand of ``contract`` for ``role``.
    """

    __slots__ = ("_began", "_by", "_is_kept_open", "coordinator", "event", "steps", "trace")

    def __init__(
        self,
        coordinator: Coordinator,
        phase: str,
        *,
        contract: str | None = None,
        role: str | None = None,
        query: str | None = None,
        number: int | None = None,
    ) -> None:
        self.coordinator = coordinator
        self.trace = trace = coordinator.trace(phase)
        self.steps: list[Step[Any]] = []
        self._began = began = perf_counter()
        self._is_kept_open = False
        self._by: type[BaseException] | None = None
        self.event = Event(
            time=_at(CLOCK.anchor_s + began, UTC),
            round=coordinator.round,
            trio=coordinator.seat.trio,
            variant=coordinator.variant.number,
            phase=phase,
            coordinator=coordinator.name,
            namespace=coordinator.namespace,
            contract=contract,
            role=role,
            query=query,
            question=coordinator.question(phase, contract, role, number),
            k=coordinator.run.top_k,
            top_k=[],
            found=None,
            trace_id=trace.trace_id,
        )
        if (slot := coordinator.slot) is not None:
            self.event.scheduled, coordinator.slot = slot.scheduled, None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._is_kept_open:
            return  # also when it is left by an exception: whoever goes on with it fires it, once
        if kind is not None:
            self._leave_by(kind, fault)
        self.end()

    def keep_open(self) -> None:
        """Do not fire on leaving, in whatever way: whoever goes on with the event calls ``end``.

        The users that it counts for are those of now, and its response ends now.
        """
        self._is_kept_open = True
        self.event.users = self.coordinator.context.users
        if self.event.scheduled is not UNSET:
            self._respond(self.event.scheduled)

    def end(self) -> None:
        """Fire the event, with its steps; a poll's take part in neither its time nor its fate."""
        event = self.event
        # The phase may hold this act while its user thinks: bodies must not be held with it.
        steps, self.steps = self.steps, []
        records, latency_ms, failed = event.steps, 0.0, None
        for step in steps:
            name, error, took_ms = step.name, step.error, step.latency_ms
            start = _at(step.start_s, UTC)
            record = StepRecord(name, start, took_ms, error, step.queue_ms, step.resent)
            records.append(record)
            if step.answer is None or step.parts is not None:
                _note_rare(step, record)
            if step.cut or name == POLL:
                continue
            latency_ms += took_ms
            if error is not None and failed is None:
                failed = f"{name}: {error}"
        if failed is not None and self._by is None:
            event.outcome, event.error = "failed", failed
        event.latency_ms = latency_ms
        event.lasted_ms = (perf_counter() - self._began) * 1000
        scheduled = event.scheduled
        if scheduled is not UNSET and scheduled.response_ms is None:
            self._respond(scheduled)
        self.coordinator.fire(event=event, steps=steps)

    def _respond(self, scheduled: Scheduled) -> None:
        """Whoever waited for the event since its intended time has the response now."""
        late_ms = scheduled.generator_ms + scheduled.queue_ms + scheduled.before_ms
        scheduled.response_ms = late_ms + (perf_counter() - self._began) * 1000

    def _leave_by(self, kind: type[BaseException], fault: BaseException | None) -> None:
        self._by = kind
        # Beside Locust's own: GreenletExit, and a KeyboardInterrupt that hits whoever runs.
        cut = issubclass(kind, StopUser) or not issubclass(kind, Exception)
        self.event.outcome = "cut" if cut else "failed"
        self.event.error = None if cut else f"{kind.__name__}: {fault}"
        if cut and (under_way := cut_step(fault)) is not None:
            self.steps.append(under_way)

    def leave_out(self, outcome: Outcome, reason: str) -> None:
        """Say why nothing was asked."""
        self.event.outcome, self.event.error = outcome, reason

    def expect(self, id_: str, corpus: str) -> None:
        """Say which hit should come back."""
        self.event.expected, self.event.expected_corpus = id_, corpus

    def in_words(self, wording: int | str) -> None:
        """Say in which words the demand is asked: by their number, or by themselves.

        Words of no number are an LLM's: the question has their hash.
        """
        self.event.question = worded(self.event.question or "", wording)

    def search(
        self,
        query: str,
        *,
        memory: str | None = None,
        role: str | None = None,
        corpora: list[str] | None = None,
        rejected: list[Item] | None = None,
        metadata: bool = False,
        rules: DemandRules | None = None,
        look: str | None = None,
        records: int | None = None,
    ) -> Found | None:
        """Search, with the memory of that namespace or by retrieval only; None where it failed.

        A target without a memory searches plainly, and one whose memory is asked by itself is asked
        for that. The event takes its list from here; an event has one search. Of ``rejected`` the
        ids go out. By ``rules`` it says how well each hit fits. ``look`` is the step's name where
        it is a look for something new, which goes over a new connection. ``records``: what the
        namespace was told, as far as that is known.
        """
        coordinator, event, alone = self.coordinator, self.event, None
        target, can = coordinator.target, coordinator.can
        corpora = corpora or coordinator.run.scenario.corpora
        ask = target.search
        if memory is None or not can.record:
            memory = role = None
        elif can.recall:
            alone, ask = memory, target.recall
        search = Search(query, corpora, event.k, memory, role, metadata=metadata)
        if rules is not None:
            search.metadata, search.fields = True, rules.fields
        if rejected is not None:
            event.rejected = search.rejected = rejected
            search.exclude = event.exclude_ids = [*dict.fromkeys(one.id for one in rejected)]
        event.query = query
        event.corpus_sizes = coordinator.context.corpus_sizes(corpora)
        if look is None:
            step = ask(search, self.trace)
        else:
            search.new_connection = True
            step = ask(search, self.trace)
            step.name = look
        self.steps.append(step)
        coordinator.report(step)
        found = step.answer
        if found is not None:
            event.top_k, event.found = found.hits, len(found.hits)
            event.per_corpus_counts = found.per_corpus_counts
            if found.boosted is not None or found.injected is not None:
                event.boosted, event.injected = found.boosted, found.injected
            if rules is not None:
                rules.judge(found, event)
            if alone is not None:
                told = coordinator.answers_told if alone == coordinator.namespace else None
                event.memory = MemoryAsked(alone, records, leaks(found.hits, alone, told))
        return found

    def record(self, query: str, answer_id: str, answer_corpus: str, role: str) -> bool:
        """Record the choice in the coordinator's own namespace; whether it was taken."""
        coordinator = self.coordinator
        if not coordinator.can.record:
            return False
        answer = Item(answer_id, answer_corpus)
        recording = Recording(query, answer, coordinator.namespace, role)
        coordinator.told.add((query, answer))  # what fails may have been taken all the same
        step = self.take(coordinator.target.record(recording, self.trace))
        if isinstance(step.answer, str) and step.answer in FATES:
            self.event.recorded = step.answer
        return step.error is None

    def add(self, item: NewItem) -> bool:
        """Put an item where searches find it; whether it was taken."""
        taken = False
        for step in self.coordinator.target.add(item, self.trace):
            taken = self.take(step).error is None
        return taken

    def take(self, step: Taken) -> Taken:
        """Count the step among the event's own, and tell Locust's statistics of it."""
        self.steps.append(step)
        self.coordinator.report(step)
        return step


def _note_rare(step: Step[Any], record: StepRecord) -> None:
    """Note what steps have that were not simply answered: one that was has none of it."""
    record.unparseable, record.cut = step.unparseable, step.cut
    if step.parts is not None:
        record.parts = part_times(step.parts)


def search_by_memory(
    coordinator: Coordinator, phase: str, contract: str, role: str, query: str
) -> None:
    """One event of ``phase``: search for a role of a contract, with the own memory on."""
    with EventScope(coordinator, phase, contract=contract, role=role) as scope:
        scope.search(query, memory=coordinator.namespace, role=role)
