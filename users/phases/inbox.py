"""Phase 1c: an email or SMS arrives, is parsed into a demand, searched for, and judged."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.metrics.event import OWN_FAULT
from mcstress.services.llm.language_model import JudgedHit, ParsedDemand
from mcstress.services.target import Found, Message
from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import EventScope
from mcstress.users.phases.registry import Task
from mcstress.users.scenarios.model import InboxMessage
from mcstress.users.scenarios.understood import understood


def inbox(me: Coordinator) -> Iterator[Task]:
    """One event for each of the coordinator's messages; the scenario has the most urgent first."""
    mine = (message for message in me.variant.inbox if message.persona == me.seat.persona)
    for number, message in enumerate(mine, start=1):
        yield partial(_handle, me, number, message)


def _handle(me: Coordinator, number: int, message: InboxMessage) -> None:
    with EventScope(me, "inbox", contract=me.contract.name, number=number) as act:
        if not _accepted(act, message):
            return
        demand = _parsed(act, message)
        if demand is None:
            return
        act.event.role = demand.role
        if message.expect is not None:
            act.event.expected_fields = understood(message.expect, demand)
        found = act.search(_query(demand), metadata=True)
        if found is not None and found.hits:
            _judge(act, message, found)


def _accepted(act: EventScope, message: InboxMessage) -> bool:
    """Whether the inbox took the message; a target without one is not asked."""
    me = act.coordinator
    if not me.can.inbox:
        return True
    handed_in = Message(
        type=message.type,
        sender=message.sender,
        subject=message.subject,
        body=message.body,
        priority=message.priority,
        coordinator=me.name,
    )
    return act.take(me.target.inbox(handed_in, act.trace)).error is None


def _parsed(act: EventScope, message: InboxMessage) -> ParsedDemand | None:
    step = act.take(act.coordinator.llm.parse(message.body, act.trace))
    if step.error:
        # What did not go out is no answer of the LLM.
        if not step.error.startswith(OWN_FAULT):
            act.event.parse_status = "failed"
    else:
        act.event.parse_status = "unparseable" if step.unparseable else "parsed"
    return step.answer


def _query(demand: ParsedDemand) -> str:
    """The words that a parsed demand is searched by."""
    parts = [f"{demand.count} {demand.role}", f"in {demand.location}" if demand.location else ""]
    parts += [", ".join(demand.certs), ", ".join(demand.skills)]
    parts += [_shift(demand.shift)]
    return ", ".join(part for part in parts if part)


def _shift(shift: str) -> str:
    """An LLM may write "night" as well as "night shift"."""
    return shift if not shift or "shift" in shift.lower() else f"{shift} shift"


def _judge(act: EventScope, message: InboxMessage, found: Found) -> None:
    """Rate the top hit against the message's own words, not against what was parsed from them."""
    top = JudgedHit(found.hits[0].id)
    if found.metadata:
        top.metadata = found.metadata[0]
    judged = act.take(act.coordinator.llm.judge(message.body, top, act.trace)).answer
    act.event.rating = judged.rating if judged else None
