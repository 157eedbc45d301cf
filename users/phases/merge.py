"""Phase 3: two contracts become one; the coordinator searches the shared roles of both."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import search_by_memory
from mcstress.users.phases.registry import Task


def merge(coordinator: Coordinator) -> Iterator[Task]:
    """One event for each contract and shared role of the coordinator's merges."""
    for merge_ in coordinator.run.scenario.merges:
        if merge_.persona != coordinator.seat.persona:
            continue
        for contract in merge_.contracts:
            for role in merge_.roles:
                query = coordinator.variant.contract(contract).demand(role).query
                yield partial(search_by_memory, coordinator, "merge", contract, role, query)
