"""Phase 2: every role again at twice the headcount, urgently worded, with the memory on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.users.coordinator import Coordinator
from mcstress.users.phases.memory_search import search_by_memory
from mcstress.users.phases.registry import Task


def surge(me: Coordinator) -> Iterator[Task]:
    """One event a role."""
    contract = me.contract.name
    for demand in me.contract.demands:
        yield partial(search_by_memory, me, "surge", contract, demand.role, demand.surge_query)
