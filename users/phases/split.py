"""Phase 5: a contract's roles are divided; each takes her share, with her own memory on."""

from __future__ import annotations

from collections.abc import Iterator

from users.act import Act
from users.coordinator import Coordinator


def split(me: Coordinator) -> Iterator[None]:
    """One event for each role that falls to her."""
    for share in me.run.scenario.splits:
        if share.persona != me.seat.persona:
            continue
        for role in share.roles:
            demand = me.variant.contract(share.contract).demand(role)
            with Act(me, "split", contract=share.contract, role=role) as act:
                act.search(demand.query, memory=me.namespace, role=role)
            yield
