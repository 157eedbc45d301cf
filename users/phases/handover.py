"""Phases 4 and 4b: does bob find what alice learnt? Each query is also asked without memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from users.act import Act
from users.board import Absence, Recordings
from users.coordinator import Coordinator
from users.scenario import Demand, Handover

Words = Callable[[Act, Demand], str | None]
"""The words for a demand; None where they could not be had."""

REASONS: dict[Absence, str] = {
    "skipped": "{partner} was never there, is gone or done, or began later",
    "unmet": "{partner} recorded nothing of this round within {deadline_s:g} s",
}


class Asking(msgspec.Struct, frozen=True):
    """What one handover phase asks: in which words, of which contract."""

    phase: str
    handover: Handover
    words: Words


def handover(me: Coordinator) -> Iterator[None]:
    """Her words: two events a role, memory arm and control arm."""
    yield from _take_over(me, "handover", lambda _, demand: demand.query)


def handover_paraphrase(me: Coordinator) -> Iterator[None]:
    """Other words, from the scenario or, where it says so, by the LLM."""
    by_llm = me.run.scenario.paraphrases_by == "llm"
    yield from _take_over(me, "handover_paraphrase", _by_llm if by_llm else _by_scenario)


def _by_scenario(_: Act, demand: Demand) -> str:
    return demand.paraphrases[0]


def _by_llm(act: Act, demand: Demand) -> str | None:
    step = act.take(act.coordinator.ollama.paraphrase(demand.query, act.trace))
    if step.unparseable:
        act.event.parse_status = "unparseable"
    return step.answer.paraphrase if step.answer else None


def _take_over(me: Coordinator, phase: str, words: Words) -> Iterator[None]:
    for handover_ in me.run.scenario.handovers:
        if handover_.to_persona != me.seat.persona:
            continue
        asking = Asking(phase, handover_, words)
        found = _recordings(me, asking)
        for demand in me.variant.contract(handover_.contract).demands:
            yield from _ask(me, asking, demand, found)


def _recordings(me: Coordinator, asking: Asking) -> Recordings | Absence:
    """What the colleague recorded this round; waits for it, and can be stopped meanwhile.

    A stop during the wait cuts the events that were to come, and each of them is told.
    """
    handover_ = asking.handover
    try:
        with me.interruptible():
            return me.around.board.wait(
                handover_.from_persona, me.seat.trio, me.round, me.run.wait_deadline_s
            )
    except BaseException:
        for demand in me.variant.contract(handover_.contract).demands:
            for arm in ("memory", "control"):
                with Act(me, asking.phase, contract=handover_.contract, role=demand.role) as act:
                    act.event.arm = arm
                    act.leave_out("cut", "the run ended while she waited for her partner")
        raise


def _ask(
    me: Coordinator, asking: Asking, demand: Demand, found: Recordings | Absence
) -> Iterator[None]:
    contract = asking.handover.contract
    recordings = found if isinstance(found, Recordings) else None
    expected = recordings.answers.get(demand.role) if recordings else None
    with Act(me, asking.phase, contract=contract, role=demand.role) as memory:
        memory.event.arm, memory.event.expected = "memory", expected
        query = None
        if recordings is None or expected is None:
            _leave_out(memory, asking, found)
        elif query := asking.words(memory, demand):
            memory.search(query, memory=recordings.namespace, role=demand.role)
    yield
    with Act(me, asking.phase, contract=contract, role=demand.role, query=query) as control:
        control.event.arm, control.event.expected = "control", expected
        control.event.paired_seq = memory.event.seq
        if query is None:
            _leave_out(control, asking, found)
        else:
            control.search(query)
    yield


def _leave_out(act: Act, asking: Asking, found: Recordings | Absence) -> None:
    partner = asking.handover.from_persona
    if isinstance(found, Recordings):
        act.leave_out("skipped", f"{partner} recorded no answer for this role, or no words for it")
        return
    deadline_s = act.coordinator.run.wait_deadline_s
    act.leave_out(found, REASONS[found].format(partner=partner, deadline_s=deadline_s))
