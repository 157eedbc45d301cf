"""Phase 6: her baseline queries again, retrieval only; the same people should come back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import Act
from mcstress.users.phases.task import Deed
from mcstress.users.scenarios.model import Demand


def reissue(me: Coordinator) -> Iterator[Deed]:
    """One event a role, paired with its baseline of this round."""
    for demand in me.contract.demands:
        yield partial(_search_again, me, demand)


def _search_again(me: Coordinator, demand: Demand) -> None:
    with Act(me, "reissue", contract=me.contract.name, role=demand.role) as act:
        act.event.paired_seq = me.baselines.get(demand.role)
        act.search(demand.query)
