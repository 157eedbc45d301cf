"""Phase 2: every role again at twice the headcount, urgently worded, with her memory on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from users.coordinator import Coordinator
from users.phases.by_memory import search_by_memory
from users.phases.deed import Deed


def surge(me: Coordinator) -> Iterator[Deed]:
    """One event a role."""
    contract = me.contract.name
    for demand in me.contract.demands:
        yield partial(search_by_memory, me, "surge", contract, demand.role, demand.surge_query)
