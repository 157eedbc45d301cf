"""Scores that wait for the sender: apart from observations, which wait for none of them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from gevent.event import Event as Flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcstress.tracing.observation import Score
    from mcstress.tracing.queue import Queued


class ScoreQueue:
    """First in, first out, since a later score replaces an earlier one.

    ``ready`` is set by whoever finds that some waited long enough, or when there are ``enough``,
    until all are taken: scores are few, and gather meanwhile. ``crowded``: more than half of
    ``largest`` wait, so that some should go to the spool.
    """

    def __init__(self, enough: int, largest: int) -> None:
        self.ready = Flag()
        self._enough = enough
        self._largest = largest
        self._scores: deque[Score] = deque()

    @property
    def items(self) -> int:
        """How many wait."""
        return len(self._scores)

    @property
    def crowded(self) -> bool:
        """Whether some should go to the spool."""
        return len(self._scores) > self._largest / 2

    def put(self, scores: Sequence[Score]) -> None:
        """Append ``scores``, whether there is room or not."""
        self._scores.extend(scores)
        if len(self._scores) >= self._enough:
            self.ready.set()

    def take(self, largest: int) -> list[Queued]:
        """The oldest scores, ``largest`` at most."""
        number = min(largest, len(self._scores))
        taken: list[Queued] = [self._scores.popleft() for _ in range(number)]
        if not self._scores:
            self.ready.clear()
        return taken
