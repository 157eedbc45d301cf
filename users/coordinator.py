"""A coordinator: a seat with its wording, its services, and its part of the run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from mcstress.load.pacer import Pacer, Slot
from mcstress.metrics.event import Event, Hit, Item
from mcstress.services.llm.language_model import LanguageModel
from mcstress.services.step import Step
from mcstress.services.target import Target
from mcstress.services.trace_context import TraceContext, is_sampled, phase_trace_id
from mcstress.users.appointments import Appointment
from mcstress.users.handover_board import HandoverBoard, Recordings
from mcstress.users.lists_at_rest import ListsAtRest
from mcstress.users.mail import Mail
from mcstress.users.relevance import DemandRules, Rules
from mcstress.users.run import Run, Seat
from mcstress.users.scenarios.model import Contract, Demand, Resume, Variant
from mcstress.users.truth import question_id

if TYPE_CHECKING:
    from mcstress.users.freshness_poll import FreshnessPolls

TAKING_OVER = frozenset({"handover", "handover_paraphrase"})
"""The phases that wait for what a colleague recorded."""


class Fire(Protocol):
    """Locust's event hook: hands the event and its steps to all who listen."""

    def __call__(self, *, event: Event, steps: list[Step[Any]]) -> None:
        """Tell of one event."""


class WorkerContext(Protocol):
    """What a process offers to each of its coordinators."""

    @property
    def run(self) -> Run:
        """The run that is on."""

    @property
    def pacer(self) -> Pacer:
        """Who decides when its users' events begin."""

    @property
    def board(self) -> HandoverBoard:
        """What partners recorded."""

    @property
    def polls(self) -> FreshnessPolls:
        """The looks for new resumes that were not there at once."""

    @property
    def users(self) -> int:
        """How many users there are now, in all processes."""

    @property
    def target(self) -> Target:
        """The system under test, as all of this process share it."""

    @property
    def rules(self) -> Rules:
        """By which hits are judged to fit their demand."""

    @property
    def at_rest(self) -> ListsAtRest | None:
        """What questions got at rest; None where nothing is held against it."""

    @property
    def llm(self) -> LanguageModel:
        """The language model, as all of this process share it."""

    def lease(self, persona: str) -> Seat:
        """A seat, when the run has begun; blocks until then."""

    def give_back(self, seat: Seat) -> None:
        """The seat's holder stopped."""

    def holds(self, seat: Seat) -> bool:
        """Whether the seat is still this process's; the master may have taken it for lost."""

    def moves(self, seat: Seat) -> bool:
        """Whether the seat's holder is to give it back after its round and take a lower one."""

    def begin_round(self, seat: Seat, round_: int) -> None:
        """The seat's holder begins a round."""

    def done(self, seat: Seat) -> None:
        """The seat's holder has done all its rounds and idles."""

    def publish(self, recordings: Recordings) -> None:
        """Tell partners, on whatever worker, what was recorded."""

    def take_mail(self) -> Mail | None:
        """The next message from outside, on whatever process; None where all are used up."""

    def mail_begun(self) -> None:
        """The coordinator begins with the message that it took."""

    def corpus_sizes(self, corpora: list[str]) -> dict[str, int]:
        """The sizes of the corpora as last seen."""


class Coordinator:
    """One living coordinator. Knows neither Langfuse nor Jaccard: it does things and says so."""

    # From 31 attributes on, each look at one without slots takes three times as long.
    __slots__ = (
        "_givers", "_persona", "_question_keys", "_rounds", "_thoughts", "_trace", "_traced_phase",
        "_traced_round", "appointment", "baselines", "baselines_began_s", "can", "context",
        "contract", "dated_mail", "fire", "gives", "interruptible", "last_round", "llm", "name",
        "namespace", "report", "round", "run", "seat", "slot", "target", "told", "variant",
    )  # fmt: skip

    def __init__(
        self,
        seat: Seat,
        context: WorkerContext,
        target: Target,
        llm: LanguageModel,
        *,
        fire: Fire,
        report: Callable[[Step[Any]], None],
        interruptible: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.seat = seat
        self.name = seat.name
        self._persona = seat.persona
        self.context = context
        self.run: Run = context.run
        self.target = target
        self.can = target.capabilities()
        self.llm = llm
        self.fire = fire
        self.report = report
        self.interruptible = interruptible
        self.namespace = seat.namespace(self.run.playbook_prefix)
        self.round = seat.first_round
        self._take_wording()
        self._givers = [
            handover.from_persona
            for handover in self.run.scenario.handovers
            if handover.to_persona == seat.persona
        ]
        self.gives = not TAKING_OVER.isdisjoint(self.run.phases) and any(
            handover.from_persona == seat.persona for handover in self.run.scenario.handovers
        )
        self.told: set[tuple[str, Item]] = set()
        self.baselines: dict[str, int] = {}
        self.baselines_began_s: dict[str, float] = {}
        self._rounds = self.run.rounds_of(seat.trio)
        self.last_round = seat.first_round + self._rounds - 1
        """With ``--rounds``. A part of a round that comes before the first one is not counted."""
        self.slot: Slot | None = None
        """What its next event begins in, where a schedule says when."""
        self.appointment: Appointment | None = None
        """What it is at, by the scenario's clock; None without one."""
        self.dated_mail: Mail | None = None
        """The message from outside that its appointment is for."""
        self._thoughts = 0
        self._traced_phase, self._traced_round = "", 0
        self._trace: TraceContext

    @property
    def records(self) -> int:
        """What its namespace was told until now, filler included."""
        run, seat = self.run, self.seat
        is_filled = seat.generation == 1 and seat.trio <= run.memory_trios
        return run.memory_size * is_filled + len(self.told)

    @property
    def answers_told(self) -> set[Item] | None:
        """What it recorded; None where its namespace may hold what an earlier run did."""
        return {answer for _, answer in self.told} if self.run.owns_namespaces else None

    def begin_round(self) -> None:
        """Take the round's wording, forget the last one's baselines, tell the master of it."""
        self._take_wording()
        self.baselines.clear()
        self.context.begin_round(self.seat, self.round)

    def _take_wording(self) -> None:
        self.variant: Variant = self.run.variant_of(self.seat.trio, self.round)
        self.contract: Contract = self.variant.contract_of(self.seat.persona)
        self._question_keys = self.variant.question_keys

    def finish_round(self) -> bool:
        """Go on to the next round; whether this was the last one.

        Where rounds have no end, whoever takes over from a quicker colleague goes on with the
        latest round that the colleague has recorded, and so never falls behind for good.
        """
        self.round += 1
        if self._rounds > 0:
            return self.round > self.last_round
        board = self.context.board
        newest = [board.newest(giver, self.seat.trio) for giver in self._givers]
        self.round = max(self.round, *newest, 0)
        return False

    @property
    def partner_round(self) -> int:
        """The colleague's round that it takes over: its own, or by the clock the latest then."""
        one = self.appointment
        return self.round if one is None or not one.asks_round else one.asks_round

    @property
    def occasion(self) -> str:
        """What tells what it adds now from all that it adds else: its round and appointment."""
        one = self.appointment
        return str(self.round) if one is None else f"{self.round}-{one.number}"

    def has_come(self, number: int) -> bool:
        """Whether its message or resume of that number is there: by the clock each has its time."""
        one = self.appointment
        return one is None or one.item in (0, number)

    def think_s(self) -> float:
        """Seconds to wait before the next event."""
        run = self.run
        if run.think_to_s <= 0:
            return 0.0
        self._thoughts += 1
        drawn = run.draw("think", self.name, self._thoughts) / 2**64
        return run.think_from_s + (run.think_to_s - run.think_from_s) * drawn

    def close(self) -> None:
        """Close its connections; one that is shared by all is the process's."""
        if self.target is not self.context.target:
            self.target.close()
        if self.llm is not self.context.llm:
            self.llm.close()

    def trace(self, phase: str) -> TraceContext:
        """The trace that this round's calls of ``phase`` belong to."""
        if self._traced_phase != phase or self._traced_round != self.round:
            trace_id = phase_trace_id(self.run.uid, self.seat.trio, self.round, phase)
            self._trace = TraceContext(trace_id, is_sampled(trace_id, self.run.trace_sample))
            self._traced_phase, self._traced_round = phase, self.round
        return self._trace

    def question(
        self, phase: str, contract: str | None, role: str | None, number: int | None
    ) -> str:
        """The key of what it asks (metrics/question.py): a message, a resume, or a demand."""
        asked, keys = (phase, self._persona, contract, role, number), self._question_keys
        # ``get``: of a subclass of dict, brackets take four times as long.
        return keys.get(asked) or keys[asked]

    def rules_of(self, demand: Demand) -> DemandRules | None:
        """By which the hits for a demand of its contract are judged; None: by none."""
        return self.context.rules.of(self.variant.number, self.contract.name, demand.role)

    def compare(self, event: Event, demand: Demand) -> None:
        """Note in ``event`` how the hits for a demand are graded, and how like those at rest."""
        run, at_rest = self.run, self.context.at_rest
        if event.found is None or not (run.truth or at_rest):
            return
        question = question_id(self.variant.number, self.contract.name, demand.role)
        if (truth := run.truth.get(question)) is not None:
            truth.grade(event)
        if at_rest is not None:
            at_rest.compare(event, question)

    def choose(self, results: list[Hit]) -> Hit | None:
        """Its choice: the hit at ``record_rank``, or the last one where there are fewer."""
        return results[: self.run.scenario.record_rank][-1] if results else None

    def resumes(self) -> list[Resume]:
        """The new resumes that reach it this round, each a person of its own."""
        names, seat = self.run.scenario.names, self.seat
        mine = [resume for resume in self.variant.resumes if resume.persona == seat.persona]
        # A system that keeps what earlier runs added must not know their namesakes: the prefix is
        # the run's own there.
        whose = (self.run.fresh_prefix, seat.trio, seat.persona, self.occasion)
        return [
            resume.of(names.by(self.run.draw("name", *whose, number)))
            for number, resume in enumerate(mine)
        ]
