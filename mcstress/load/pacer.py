"""The seam between personas and time: a pacer says what a user does next, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from mcstress.metrics.event import Scheduled

if TYPE_CHECKING:
    from mcstress.users.coordinator import Coordinator
    from mcstress.users.persona import CoordinatorUser


class Slot(msgspec.Struct, frozen=True, gc=False):
    """One event's place in time; ``scheduled`` goes with the event that begins in it.

    UNSET where no schedule asked for it.
    """

    user: CoordinatorUser
    scheduled: Scheduled | UnsetType = UNSET


class Pacer(Protocol):
    """Drives the users of one process in one run; one object for all of them.

    A persona asks for a round's tasks, takes a slot for each, does it, and says so. It does not
    know which pacer is on. Every method runs on the user's greenlet and may wait there; a stop of
    the user ends the wait by StopUser or GreenletExit, which must pass through.
    """

    def tasks(self, coordinator: Coordinator) -> Iterator[Callable[[], object]]:
        """The tasks of the coordinator's round, each of which makes one event.

        The next is asked for before a slot is taken: it may wait for what a partner records.
        """

    def take(self, user: CoordinatorUser) -> Slot | None:
        """The user's next slot, when it has come; None where its seat will have none any more."""

    def finished(self, slot: Slot) -> None:
        """The slot's task is done.

        Not called of a task that raised: its round is over, and ``tasks`` or ``left`` comes next.
        """

    def left(self, user: CoordinatorUser) -> None:
        """The user has given its seat back, and may come again with another."""

    def revoked(self) -> None:
        """All seats of the process were given to others: who waits here is to ask for another.

        Their waits in ``tasks`` and ``take`` end, with no more tasks and no slot.
        """
