"""The reference: one trio alone at the beginning, so that "load broke it" has a comparison."""

from __future__ import annotations

import time

from mcstress.cluster.messages import SeatRequest
from mcstress.master.seat_pool import SeatPool

SeatAsked = tuple[SeatRequest, str]
"""A request for a seat, and who sent it."""


class SoloPhase:
    """Lets only the first trio in for ``wait_s``, from when its first coordinator sits.

    Whoever else asks for a seat waits in line.
    """

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._since_s: float | None = None
        self._line: list[SeatAsked] = []

    def holds_back(self, asked: SeatAsked, seats: SeatPool) -> bool:
        """Whether the request must wait; it is then in line."""
        if self._is_over() or seats.at(asked[0].persona, 1) is None:
            if self._since_s is None:
                self._since_s = time.monotonic()
            return False
        self._line.append(asked)
        return True

    def admit(self) -> list[SeatAsked]:
        """Those whose wait is over, in the order in which they came."""
        if not self._is_over():
            return []
        line, self._line = self._line, []
        return line

    @property
    def waiting(self) -> int:
        """How many are in line."""
        return len(self._line)

    def _is_over(self) -> bool:
        if self._wait_s <= 0:
            return True
        return self._since_s is not None and time.monotonic() - self._since_s >= self._wait_s
