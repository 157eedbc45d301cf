"""Phase 1c: an email or SMS arrives, is parsed into a demand, searched for, and judged."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import gevent

from mcstress.metrics.event import OWN_FAULT
from mcstress.services.llm.language_model import JudgedHit
from mcstress.services.llm.prompts import ParsedDemand
from mcstress.services.target import Found, Message
from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import EventScope
from mcstress.users.mail import Mail
from mcstress.users.phases.registry import Task
from mcstress.users.scenarios.expand import inbox_query
from mcstress.users.scenarios.model import InboxMessage
from mcstress.users.scenarios.understood import understood

USED_UP_S = 1.0
"""The wait of a user whose only phase has nothing to do any more."""


def inbox(coordinator: Coordinator) -> Iterator[Task]:
    """One event for each of the coordinator's messages; the scenario has the most urgent first.

    With mail from outside there are as many a round as the scenario has for the coordinator, at
    least one, as long as there are any; by the clock each comes at its date.
    """
    mine = [
        message
        for message in coordinator.variant.inbox
        if message.persona == coordinator.seat.persona
    ]
    if coordinator.run.mail is None:
        for number, message in enumerate(mine, start=1):
            if coordinator.has_come(number):
                yield partial(_handle, coordinator, number, message)
        return
    if coordinator.run.clock is not None:
        if (dated := coordinator.dated_mail) is not None:
            yield partial(_handle_mail, coordinator, 1, dated)
        return
    for number in range(1, max(len(mine), 1) + 1):
        with coordinator.interruptible():
            mail = coordinator.context.take_mail()
            if mail is None and coordinator.run.phases == ["inbox"]:
                gevent.sleep(USED_UP_S)
        if mail is None:
            return
        yield partial(_handle_mail, coordinator, number, mail)


def _handle_mail(coordinator: Coordinator, number: int, mail: Mail) -> None:
    coordinator.context.mail_begun()
    _handle(coordinator, number, mail)


def _handle(coordinator: Coordinator, number: int, message: InboxMessage | Mail) -> None:
    with EventScope(
        coordinator, "inbox", contract=coordinator.contract.name, number=number
    ) as scope:
        if isinstance(message, Mail):
            scope.event.question = f"inbox/mail/{message.key}"
        if not _accepted(scope, message):
            return
        demand = _parsed(scope, message)
        if demand is None:
            return
        # Not every scenario's messages ask for a role.
        scope.event.role = getattr(demand, "role", None)
        if isinstance(message, InboxMessage) and message.expect is not None:
            scope.event.expected_fields = understood(message.expect, demand)
        query = inbox_query(coordinator.run.scenario.templates.inbox_query, demand)
        found = scope.search(query, metadata=True)
        if found is not None and found.hits:
            _judge(scope, message, found)


def _accepted(scope: EventScope, message: InboxMessage | Mail) -> bool:
    """Whether the inbox took the message; a target without one is not asked.

    A body that an inbox has to refuse makes no failed step.
    """
    coordinator = scope.coordinator
    if not coordinator.can.inbox:
        return True
    handed_in = Message(
        type=message.type,
        sender=message.sender,
        subject=message.subject,
        body=message.body,
        priority=message.priority,
        coordinator=coordinator.name,
    )
    step = scope.take(coordinator.target.inbox(handed_in, scope.trace))
    scope.event.refused = step.refused
    return step.error is None and not step.refused


def _parsed(scope: EventScope, message: InboxMessage | Mail) -> ParsedDemand | None:
    step = scope.take(scope.coordinator.llm.parse(message.body, scope.trace))
    if step.error:
        # What did not go out is no answer of the LLM.
        if not step.error.startswith(OWN_FAULT):
            scope.event.parse_status = "failed"
    else:
        scope.event.parse_status = "unparseable" if step.unparseable else "parsed"
    return step.answer


def _judge(scope: EventScope, message: InboxMessage | Mail, found: Found) -> None:
    """Rate the top hit against the message's own words, not against what was parsed from them."""
    top = JudgedHit(found.hits[0].id)
    if found.metadata:
        top.metadata = found.metadata[0]
    judged = scope.take(scope.coordinator.llm.judge(message.body, top, scope.trace)).answer
    scope.event.rating = judged.rating if judged else None
