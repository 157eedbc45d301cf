"""A phase of one's own: at the end of a round each coordinator asks once more for its first role.

``locust -f examples/own_phase.py --headless -u 3 -r 3 --rounds 1 --tags spot_check``

Its name is that of its tag and its figures, too: ``--check "events.by_phase.spot_check >= 3"``.
"""

from collections.abc import Callable, Iterator

from mcstress import AliceUser, BobUser, CarolUser, Coordinator, EventScope, install, phase

__all__ = ["AliceUser", "BobUser", "CarolUser"]


@phase("spot_check", "7", words="spot check")
def spot_check(coordinator: Coordinator) -> Iterator[Callable[[], object]]:
    """One event. A phase yields its tasks: between two of them the user may think or be stopped."""
    demand = coordinator.contract.demands[0]

    def ask() -> None:
        contract = coordinator.contract.name
        with EventScope(coordinator, "spot_check", contract=contract, role=demand.role) as scope:
            scope.search(demand.query)

    yield ask


install()
