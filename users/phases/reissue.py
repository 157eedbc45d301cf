"""Phase 6: the baseline queries again, retrieval only; the same people should come back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import EventScope
from mcstress.users.inserts import inserts_since, reaches_searches
from mcstress.users.phases.registry import Task
from mcstress.users.scenarios.model import Demand


def reissue(me: Coordinator) -> Iterator[Task]:
    """One event a role, paired with its baseline of this round."""
    for demand in me.contract.demands:
        yield partial(_search_again, me, demand)


def _search_again(me: Coordinator, demand: Demand) -> None:
    with EventScope(me, "reissue", contract=me.contract.name, role=demand.role) as act:
        act.event.paired_seq = me.baselines.get(demand.role)
        found = act.search(demand.query)
        began_s = me.baselines_began_s.get(demand.role)
        if found is not None and began_s is not None and reaches_searches(me.run):
            act.event.inserts = inserts_since(me.run, found.hits, began_s)
