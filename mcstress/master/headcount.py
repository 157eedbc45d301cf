"""How many coordinators there are, while Locust moves some from one worker to another."""

from __future__ import annotations


class Headcount:
    """Counts seats, but no more than were asked for.

    With ``--enable-rebalancing`` Locust starts a user on its new worker before it stops the one
    that it replaces: for a moment both have a seat, and are one user. Where fewer are asked for
    than before, those who are still there count until they have left.
    """

    def __init__(self) -> None:
        self._most = 0

    def of(self, seats: int, asked_for: int) -> int:
        """The number of coordinators; where nobody says how many were asked for, all the seats."""
        if asked_for >= self._most or seats <= asked_for:
            self._most = asked_for
        return min(seats, self._most) if self._most else seats
