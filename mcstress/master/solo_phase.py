"""The reference: one trio alone at the beginning, so that "load broke it" has a comparison.

It goes through all wordings, one a round (``Run.variant_of``). What its questions got is kept, and
all others are held against it.
"""

from __future__ import annotations

import time

from mcstress.cluster.messages import REFERENCE_MOST_TIMES, SeatRequest
from mcstress.master.seat_pool import SeatPool
from mcstress.users.lists_at_rest import RestLists

SeatAsked = tuple[SeatRequest, str]
"""A request for a seat, and who sent it."""


class SoloPhase:
    """Lets only the first trio in for ``wait_s``, from when its first coordinator sits.

    It goes on until so many ``questions`` have a list, for twice as long at most. Whoever else asks
    for a seat waits in line. ``lists``: what the trio's questions got meanwhile, each once.
    """

    def __init__(self, wait_s: float, questions: int = 0) -> None:
        self._wait_s = wait_s
        self._questions = questions
        self._since_s: float | None = None
        self._line: dict[tuple[str, int], SeatAsked] = {}
        self._is_told = wait_s <= 0
        self.lists: RestLists = {}

    def holds_back(self, asked: SeatAsked, seats: SeatPool) -> bool:
        """Whether the request must wait; it is then in line, once however often it is sent."""
        if self.is_over or seats.at(asked[0].persona, 1) is None:
            if self._since_s is None:
                self._since_s = time.monotonic()
            return False
        self._line[asked[1], asked[0].ticket] = asked
        return True

    def admit(self) -> list[SeatAsked]:
        """Those whose wait is over, in the order in which they came."""
        if not self.is_over:
            return []
        line, self._line = self._line, {}
        return [*line.values()]

    def note(self, lists: RestLists) -> None:
        """Keep what was found; what comes too late was not found at rest."""
        if not self._is_told:
            self.lists = lists | self.lists

    def ends_now(self) -> bool:
        """Whether it is over and nobody was told: true once."""
        ends = self.is_over and not self._is_told
        self._is_told = self._is_told or ends
        return ends

    @property
    def waiting(self) -> int:
        """How many are in line."""
        return len(self._line)

    @property
    def is_over(self) -> bool:
        """Whether others may come; so it is from the start where there is none."""
        if self._wait_s <= 0:
            return True
        if self._since_s is None:
            return False
        lasted_s = time.monotonic() - self._since_s
        enough = self._is_told or len(self.lists) >= self._questions
        return lasted_s >= self._wait_s * (1 if enough else REFERENCE_MOST_TIMES)
