"""Phase 5: a contract's roles are divided; each takes its share, with its own memory on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import search_by_memory
from mcstress.users.phases.registry import Task


def split(coordinator: Coordinator) -> Iterator[Task]:
    """One event for each role that falls to the coordinator."""
    for share in coordinator.run.scenario.splits:
        if share.persona != coordinator.seat.persona:
            continue
        for role in share.roles:
            query = coordinator.variant.contract(share.contract).demand(role).query
            yield partial(search_by_memory, coordinator, "split", share.contract, role, query)
