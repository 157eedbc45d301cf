"""Phase 5: a contract's roles are divided; each takes its share, with its own memory on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.users.coordinator import Coordinator
from mcstress.users.phases.memory_search import search_by_memory
from mcstress.users.phases.registry import Task


def split(me: Coordinator) -> Iterator[Task]:
    """One event for each role that falls to the coordinator."""
    for share in me.run.scenario.splits:
        if share.persona != me.seat.persona:
            continue
        for role in share.roles:
            query = me.variant.contract(share.contract).demand(role).query
            yield partial(search_by_memory, me, "split", share.contract, role, query)
