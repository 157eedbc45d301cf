"""Phase 2: every role again at twice the headcount, urgently worded, with her memory on."""

from __future__ import annotations

from collections.abc import Iterator

from users.act import Act
from users.coordinator import Coordinator


def surge(me: Coordinator) -> Iterator[None]:
    """One event a role."""
    for demand in me.contract.demands:
        with Act(me, "surge", contract=me.contract.name, role=demand.role) as act:
            act.search(demand.surge_query, memory=me.namespace, role=demand.role)
        yield
