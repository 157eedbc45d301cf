"""Observations, or scores, of a spool as they are sent again, until that is in vain."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from tenacity.wait import wait_exponential

from mcstress.tracing.http.delivery_outcome import REJECTED, DeliveryOutcome
from mcstress.tracing.spool.line import HEAD_TAG, SCORE_TAG, tag_of

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from mcstress.tracing.batch_sizing import Portions
    from mcstress.tracing.observation import TraceEntry
    from mcstress.tracing.spool.replay_outcome import Mark

TRIES = 4
IN_VAIN = 4
"""How many portions of a kind may be refused whole, and nothing delivered, before it is given up:
the address may be another server's."""
LONGEST_WAIT_S = 60.0
_growing = wait_exponential(multiplier=0.5, max=8)


@dataclass
class ReplayKind:
    """Observations, or scores, in a replay: how they are sent, and how that went so far."""

    scores: bool
    portions: Portions[TraceEntry]
    mark: Mark
    tries: int = field(default_factory=lambda: TRIES)
    stopped: bool = False
    taken: bool = False
    in_vain: int = 0
    left: int = 0
    rejected: int = 0
    fault: str = ""
    waiting: list[TraceEntry] = field(default_factory=list)
    refused: list[TraceEntry] = field(default_factory=list)
    asked_s: float = 0.0

    def lines(self, spool: BinaryIO) -> list[bytes]:
        """The next lines of this kind that are sent together; none at the end."""
        mine = (line for line in spool if self._takes(tag_of(line)))
        return list(islice(mine, self.portions.largest))

    def _takes(self, tag: str) -> bool:
        return tag == SCORE_TAG if self.scores else tag not in (SCORE_TAG, HEAD_TAG)

    def send(self) -> DeliveryOutcome[TraceEntry]:
        """Send a portion of what is waiting; what of it may not be sent again is refused."""
        outcome, self.waiting = self.portions.send(self.waiting)
        self.refused += outcome.refused
        for entry, reason in outcome.lost:
            # Which ones a collector rejected is not known; none of that body may be sent again.
            if reason == REJECTED:
                self.rejected += 1
            else:
                self.refused.append(entry)
        if outcome.unanswered == 1:
            # It may be being stored still, and cannot be made smaller.
            self.refused.append(self.waiting.pop(0))
        self.asked_s = outcome.after_s or 0.0
        self._see_to_refusals(outcome)
        return outcome

    def _see_to_refusals(self, outcome: DeliveryOutcome[TraceEntry]) -> None:
        """Stop where all that was sent so far was refused, after a few portions of it."""
        if outcome.delivered:
            self.taken = True
        elif outcome.refused and not outcome.again:
            self.in_vain += 1
        self.stopped = self.stopped or (not self.taken and self.in_vain >= IN_VAIN)

    def wait_s(self, state: RetryCallState) -> float:
        """How long to wait before the next try, in seconds."""
        return min(LONGEST_WAIT_S, max(_growing(state), self.asked_s))
