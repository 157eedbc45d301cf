"""Phase 2b: a client rejects a list; the same query must come back without it."""

from __future__ import annotations

from collections.abc import Iterator

from users.act import Act
from users.coordinator import Coordinator


def swap(me: Coordinator) -> Iterator[None]:
    """Two events for each swap that is hers; the second names what was rejected."""
    for swap_ in me.run.scenario.swaps:
        if swap_.persona != me.seat.persona:
            continue
        query = me.variant.contract(swap_.contract).demand(swap_.role).query
        with Act(me, "swap", contract=swap_.contract, role=swap_.role) as first:
            first.search(query, memory=me.namespace, role=swap_.role)
        yield
        with Act(me, "swap", contract=swap_.contract, role=swap_.role, query=query) as second:
            second.event.paired_seq = first.event.seq
            if first.event.top_k is None:
                second.leave_out("skipped", "the list to reject was not found")
            else:
                rejected = first.event.ids()
                second.search(query, memory=me.namespace, role=swap_.role, exclude_ids=rejected)
        yield
