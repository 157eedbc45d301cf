"""Phase 6: her baseline queries again, retrieval only; the same people should come back."""

from __future__ import annotations

from collections.abc import Iterator

from users.act import Act
from users.coordinator import Coordinator


def reissue(me: Coordinator) -> Iterator[None]:
    """One event a role, paired with its baseline of this round."""
    for demand in me.contract.demands:
        with Act(me, "reissue", contract=me.contract.name, role=demand.role) as act:
            act.event.paired_seq = me.baselines.get(demand.role)
            act.search(demand.query)
        yield
