"""The closed model: a user begins its next event when the last is over and it has thought."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mcstress.load.pacer import Slot
from mcstress.users.phases import PHASE_FUNCTIONS, Task

if TYPE_CHECKING:
    from mcstress.users.coordinator import Coordinator
    from mcstress.users.persona import CoordinatorUser


class ClosedPacer:
    """Each user goes through the chosen phases at its own speed, round after round."""

    def tasks(self, coordinator: Coordinator) -> Iterator[Task]:
        """The phases of the round in their order, while the seat is the coordinator's."""
        coordinator.begin_round()
        for phase in coordinator.run.phases:
            for make_event in PHASE_FUNCTIONS[phase](coordinator):
                yield make_event
                if not coordinator.context.holds(coordinator.seat):
                    return

    def take(self, user: CoordinatorUser) -> Slot | None:
        """At once: the user has thought after its last event."""
        return Slot(user)

    def finished(self, slot: Slot) -> None:
        """Think: Locust's own wait, at which a user can be stopped without cutting an event."""
        slot.user.wait()  # type: ignore[no-untyped-call]  # Locust gives it no types

    def left(self, user: CoordinatorUser) -> None:
        """Nobody waits for a user here."""

    def revoked(self) -> None:
        """Nobody waits here."""
