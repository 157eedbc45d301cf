"""Phase 2b: a client rejects a list; the same query must come back without it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.metrics.event import Event
from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import EventScope
from mcstress.users.phases.registry import Silent, Task
from mcstress.users.scenarios.model import Swap


def swap(coordinator: Coordinator) -> Iterator[Task]:
    """Two events for each of the coordinator's swaps; the second names what was rejected."""
    for swap_ in coordinator.run.scenario.swaps:
        if swap_.persona == coordinator.seat.persona:
            firsts: list[Event] = []
            yield partial(_search, coordinator, swap_, firsts)
            make = partial if firsts and firsts[0].listed is not None else Silent
            yield make(_search_without, coordinator, swap_, firsts)


def _search(coordinator: Coordinator, swap_: Swap, firsts: list[Event]) -> None:
    with EventScope(coordinator, "swap", contract=swap_.contract, role=swap_.role) as scope:
        firsts.append(scope.event)
        scope.search(_query(coordinator, swap_), memory=coordinator.namespace, role=swap_.role)


def _search_without(coordinator: Coordinator, swap_: Swap, firsts: list[Event]) -> None:
    """The same query, without what the first of ``firsts`` listed."""
    query, (first, *_) = _query(coordinator, swap_), firsts
    with EventScope(
        coordinator, "swap", contract=swap_.contract, role=swap_.role, query=query
    ) as scope:
        scope.event.paired_seq = first.seq
        if first.listed is None:
            scope.leave_out("skipped", "the list to reject was not found")
        else:
            scope.search(
                query, memory=coordinator.namespace, role=swap_.role, rejected=first.items()
            )


def _query(coordinator: Coordinator, swap_: Swap) -> str:
    return coordinator.variant.contract(swap_.contract).demand(swap_.role).query
