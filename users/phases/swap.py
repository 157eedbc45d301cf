"""Phase 2b: a client rejects a list; the same query must come back without it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.metrics.event import Event
from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import EventScope
from mcstress.users.phases.registry import Task
from mcstress.users.scenarios.model import Swap


def swap(me: Coordinator) -> Iterator[Task]:
    """Two events for each of the coordinator's swaps; the second names what was rejected."""
    for swap_ in me.run.scenario.swaps:
        if swap_.persona == me.seat.persona:
            firsts: list[Event] = []
            yield partial(_search, me, swap_, firsts)
            yield partial(_search_without, me, swap_, firsts)


def _search(me: Coordinator, swap_: Swap, firsts: list[Event]) -> None:
    with EventScope(me, "swap", contract=swap_.contract, role=swap_.role) as act:
        firsts.append(act.event)
        act.search(_query(me, swap_), memory=me.namespace, role=swap_.role)


def _search_without(me: Coordinator, swap_: Swap, firsts: list[Event]) -> None:
    """The same query, without what the first of ``firsts`` listed."""
    query, (first, *_) = _query(me, swap_), firsts
    with EventScope(me, "swap", contract=swap_.contract, role=swap_.role, query=query) as act:
        act.event.paired_seq = first.seq
        if first.listed is None:
            act.leave_out("skipped", "the list to reject was not found")
        else:
            act.search(query, memory=me.namespace, role=swap_.role, rejected=first.items())


def _query(me: Coordinator, swap_: Swap) -> str:
    return me.variant.contract(swap_.contract).demand(swap_.role).query
