"""Whether everybody is there: only then is nobody waited for, and may a run of rounds end."""

from __future__ import annotations

import time

from locust.runners import STATE_SPAWNING, Runner

from mcstress.locust_compat import others_asked_for
from mcstress.users.persona import CoordinatorUser

GRACE_S = 15.0
"""Users that Locust has spawned ask for their seats; so long after the last, no more will."""
ON_THEIR_WAY_S = 5.0
"""So soon after Locust has sent out all users, the end of a run finds some that have yet to ask."""


class SpawnTracker:
    """Compares the users that were asked for with those who took their seats.

    Locust's own count is no help: it calls spawning complete before the workers have reported.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._last_s: float | None = None
        self._spawned_s: float | None = None
        self._fewest: int | None = None

    def begin(self) -> None:
        """A run begins; nobody is there."""
        self._last_s = self._spawned_s = self._fewest = None

    def spawned(self) -> None:
        """Locust has sent out all users."""
        self._last_s = self._spawned_s = time.monotonic()
        self._fewest = None

    def arrived(self) -> None:
        """Somebody took a seat."""
        if self._last_s is not None:
            self._last_s = time.monotonic()

    def look(self, there: int) -> None:
        """See how many have a seat; to be called often enough to see them all at once."""
        if self._spawned_s is not None and self._runner.state != STATE_SPAWNING:
            absent = self.absent(there)
            self._fewest = absent if self._fewest is None else min(self._fewest, absent)

    def never_came(self, there: int) -> int:
        """How many have had no seat since Locust sent out all users.

        Whoever lost a seat since, or is on its way to another, was there once.
        """
        self.look(there)
        return self._fewest or 0

    def absent(self, there: int) -> int:
        """How many of the coordinators that were asked for have no seat now."""
        others = others_asked_for(self._runner, CoordinatorUser)  # they never take a seat
        return max(0, self._runner.target_user_count - others - there)

    def are_complete(self, there: int) -> bool:
        """Whether all are there, or no more will come."""
        if self._last_s is None or self._runner.state == STATE_SPAWNING:
            return False
        return not self.absent(there) or time.monotonic() - self._last_s > GRACE_S

    def absent_at_the_end(self, there: int) -> int:
        """How many never came though they had the time to.

        On a starved machine some come all the time, and the wait for the others never ends.
        """
        if self._spawned_s is None or self._runner.state == STATE_SPAWNING:
            return 0
        had_time = time.monotonic() - self._spawned_s > ON_THEIR_WAY_S
        return self.never_came(there) if had_time else 0
