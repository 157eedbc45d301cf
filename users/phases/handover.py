"""Phases 4 and 4b: does bob find what alice learnt? Each query is also asked without memory.

A memory that is asked by itself is asked twice: in alice's namespace, and in bob's own, which was
not told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from mcstress.metrics.event import Item, Outcome
from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import EventScope
from mcstress.users.handover_board import Absence, Recordings
from mcstress.users.phases.registry import Silent, Task
from mcstress.users.scenarios.model import Demand, Handover

Rewording = Callable[[EventScope, Demand], str | None]
"""The words for a demand; None where they could not be had."""

REASONS: dict[Absence, str] = {
    "skipped": "{partner} was never there, is gone or done, or began later",
    "unmet": "{partner} recorded nothing of this round within {deadline_s:g} s",
    "revoked": "its process was silent, and its seat went to another while it waited for {partner}",
}

NO_PARAPHRASE = "no usable paraphrase"


class Asking(msgspec.Struct, frozen=True):
    """What one handover phase asks: in which words, of which contract."""

    phase: str
    handover: Handover
    words: Rewording


class MemoryArm(msgspec.Struct):
    """What the memory arm leaves for its control: its number, the words it used, their key.

    ``worded``: whether it came to asking for words, which the LLM may not have found.
    """

    seq: int = 0
    query: str | None = None
    question: str | None = None
    worded: bool = False


def handover(coordinator: Coordinator) -> Iterator[Task]:
    """The same wording: two events for each role, memory arm and control arm."""
    yield from _take_over(coordinator, "handover", lambda _, demand: demand.query)


def handover_paraphrase(coordinator: Coordinator) -> Iterator[Task]:
    """Other words, from the scenario or, where it says so, by the LLM."""
    by_llm = coordinator.run.scenario.paraphrases_by == "llm"
    yield from _take_over(coordinator, "handover_paraphrase", _by_llm if by_llm else _by_scenario)


def _by_scenario(scope: EventScope, demand: Demand) -> str:
    scope.in_words(1)
    return demand.paraphrases[0]


def _by_llm(scope: EventScope, demand: Demand) -> str | None:
    step = scope.take(scope.coordinator.llm.paraphrase(demand.query, scope.trace))
    if step.unparseable:
        scope.event.parse_status = "unparseable"
    if step.answer is None:
        return None
    scope.in_words(step.answer.paraphrase)
    return step.answer.paraphrase


def _take_over(coordinator: Coordinator, phase: str, words: Rewording) -> Iterator[Task]:
    for handover_ in coordinator.run.scenario.handovers:
        if handover_.to_persona != coordinator.seat.persona:
            continue
        asking = Asking(phase, handover_, words)
        found = _recordings(coordinator, asking)
        for demand in coordinator.variant.contract(handover_.contract).demands:
            asked = MemoryArm()
            make = partial if _recorded(found, demand) else Silent
            yield make(_ask_with_memory, coordinator, asking, demand, found, asked)
            make = partial if asked.query is not None else Silent
            yield make(_ask_without, coordinator, asking, demand, found, asked)


def _recordings(coordinator: Coordinator, asking: Asking) -> Recordings | Absence:
    """What the colleague recorded this round; waits for it, and can be stopped meanwhile.

    A stop during the wait cuts the events that were to come, and each of them is told.
    """
    handover_ = asking.handover
    try:
        with coordinator.interruptible():
            return coordinator.context.board.wait(
                handover_.from_persona,
                coordinator.seat.trio,
                coordinator.partner_round,
                coordinator.run.wait_deadline_s,
            )
    except BaseException:
        for demand in coordinator.variant.contract(handover_.contract).demands:
            for arm in ("memory", "control"):
                contract, role = handover_.contract, demand.role
                with EventScope(coordinator, asking.phase, contract=contract, role=role) as scope:
                    scope.event.arm = arm
                    scope.leave_out("cut", "the run ended while it waited for its partner")
        raise


def _ask_with_memory(
    coordinator: Coordinator,
    asking: Asking,
    demand: Demand,
    found: Recordings | Absence,
    asked: MemoryArm,
) -> None:
    with EventScope(
        coordinator, asking.phase, contract=asking.handover.contract, role=demand.role
    ) as scope:
        scope.event.arm = "memory"
        expected = _expect(scope, found, demand)
        if not isinstance(found, Recordings) or expected is None:
            _leave_out(scope, asking, found)
        else:
            asked.worded = True
            if query := asking.words(scope, demand):
                asked.query, asked.question = query, scope.event.question
                scope.search(query, memory=found.namespace, role=demand.role, records=found.records)
    asked.seq = scope.event.seq


def _ask_without(
    coordinator: Coordinator,
    asking: Asking,
    demand: Demand,
    found: Recordings | Absence,
    asked: MemoryArm,
) -> None:
    contract, query = asking.handover.contract, asked.query
    with EventScope(
        coordinator, asking.phase, contract=contract, role=demand.role, query=query
    ) as scope:
        scope.event.arm, scope.event.paired_seq = "control", asked.seq
        scope.event.question = asked.question or scope.event.question
        _expect(scope, found, demand)
        if query is not None and coordinator.can.recall:
            # In the asker's own namespace, which was not told.
            own, records = coordinator.namespace, coordinator.records
            scope.search(query, memory=own, role=demand.role, records=records)
        elif query is not None:
            scope.search(query)
        elif asked.worded:
            scope.leave_out("skipped", NO_PARAPHRASE)
        else:
            _leave_out(scope, asking, found)


def _expect(scope: EventScope, found: Recordings | Absence, demand: Demand) -> Item | None:
    """Expect what the colleague recorded for a role, and give it."""
    expected = _recorded(found, demand)
    if expected is not None:
        scope.expect(expected.id, expected.corpus)
    return expected


def _recorded(found: Recordings | Absence, demand: Demand) -> Item | None:
    """What the colleague recorded for a role; None where it did not."""
    return found.answers.get(demand.role) if isinstance(found, Recordings) else None


def _leave_out(scope: EventScope, asking: Asking, found: Recordings | Absence) -> None:
    partner = asking.handover.from_persona
    if isinstance(found, Recordings):
        scope.leave_out("skipped", f"{partner} recorded no answer for this role")
        return
    deadline_s = scope.coordinator.run.wait_deadline_s
    outcome: Outcome = "unmet" if found == "unmet" else "skipped"
    scope.leave_out(outcome, REASONS[found].format(partner=partner, deadline_s=deadline_s))
