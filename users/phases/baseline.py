"""Phase 1: four roles searched, retrieval only, then the choices recorded."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.metrics.event import Item
from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import EventScope
from mcstress.users.handover_board import Recordings
from mcstress.users.phases.registry import Task
from mcstress.users.scenarios.model import Demand


def baseline(coordinator: Coordinator) -> Iterator[Task]:
    """One event a role, then tells partners what is recorded."""
    answers: dict[str, Item] = {}
    for demand in coordinator.contract.demands:
        yield partial(_search_and_record, coordinator, demand, answers)
    if coordinator.gives:
        seat, records = coordinator.seat, coordinator.records
        coordinator.context.publish(
            Recordings(
                *(seat.persona, seat.trio, coordinator.round, coordinator.namespace),
                *(answers, records),
            )
        )


def _search_and_record(coordinator: Coordinator, demand: Demand, answers: dict[str, Item]) -> None:
    """Note in ``answers`` the hit that the playbook took."""
    with EventScope(
        coordinator, "baseline", contract=coordinator.contract.name, role=demand.role
    ) as scope:
        found = scope.search(demand.query, rules=coordinator.rules_of(demand))
        coordinator.compare(scope.event, demand)
        choice = coordinator.choose(found.hits) if found else None
        if choice and scope.record(demand.query, choice.id, choice.corpus, demand.role):
            answers[demand.role] = Item(choice.id, choice.corpus)
    coordinator.baselines[demand.role] = scope.event.seq
    coordinator.baselines_began_s[demand.role] = scope.event.time.timestamp()
