"""Phase 2: every role again at twice the headcount, urgently worded, with the memory on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import search_by_memory
from mcstress.users.phases.registry import Task


def surge(coordinator: Coordinator) -> Iterator[Task]:
    """One event a role."""
    contract = coordinator.contract.name
    for demand in coordinator.contract.demands:
        yield partial(
            search_by_memory, coordinator, "surge", contract, demand.role, demand.surge_query
        )
