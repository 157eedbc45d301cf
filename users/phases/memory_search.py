"""What surge, merge and split have in common: a search with the coordinator's own memory on."""

from __future__ import annotations

from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import EventScope


def search_by_memory(
    coordinator: Coordinator, phase: str, contract: str, role: str, query: str
) -> None:
    """One event of ``phase``: search for a role of a contract, with the own memory on."""
    with EventScope(coordinator, phase, contract=contract, role=role) as scope:
        scope.search(query, memory=coordinator.namespace, role=role)
