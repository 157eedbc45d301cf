"""Phase 6: the baseline queries again, retrieval only; the same people should come back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import EventScope
from mcstress.users.inserts import inserts_since, reaches_searches
from mcstress.users.phases.registry import Task
from mcstress.users.scenarios.model import Demand


def reissue(coordinator: Coordinator) -> Iterator[Task]:
    """One event a role, paired with its baseline of this round."""
    for demand in coordinator.contract.demands:
        yield partial(_search_again, coordinator, demand)


def _search_again(coordinator: Coordinator, demand: Demand) -> None:
    with EventScope(
        coordinator, "reissue", contract=coordinator.contract.name, role=demand.role
    ) as scope:
        scope.event.paired_seq = coordinator.baselines.get(demand.role)
        found = scope.search(demand.query)
        began_s = coordinator.baselines_began_s.get(demand.role)
        if found is not None and began_s is not None and reaches_searches(coordinator.run):
            scope.event.inserts = inserts_since(coordinator.run, found.hits, began_s)
