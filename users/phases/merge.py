"""Phase 3: two contracts become one; she searches the shared roles of both."""

from __future__ import annotations

from collections.abc import Iterator

from users.act import Act
from users.coordinator import Coordinator


def merge(me: Coordinator) -> Iterator[None]:
    """One event for each contract and shared role of the merges that are hers."""
    for merge_ in me.run.scenario.merges:
        if merge_.persona != me.seat.persona:
            continue
        for contract in merge_.contracts:
            for role in merge_.roles:
                demand = me.variant.contract(contract).demand(role)
                with Act(me, "merge", contract=contract, role=role) as act:
                    act.search(demand.query, memory=me.namespace, role=role)
                yield
