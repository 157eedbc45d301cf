"""How much is sent at once: less where a server is slow, more again where it keeps up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic

from mcstress.tracing.http.delivery_outcome import DeliveryOutcome, Sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcstress.tracing.limits import Limits
    from mcstress.tracing.sink import Destination

_QUICK = 1 / 2
"""Of the time-out: a server that answers sooner may get more at once."""


class Portions(Generic[Sent]):
    """Sends one portion after another, of a ``size`` that follows how the server gets on.

    It begins with ``first`` items, and is all that there is at ``largest``, so that the caller's
    handful too many makes no portion of its own. It grows by half while the answers come in under
    half of ``timeout_s``. Where no answer came, the next is half of what was in that body, which
    may be less than the portion: the server may be storing it still, and be as late with it again.
    """

    def __init__(
        self,
        send: Callable[[list[Sent]], DeliveryOutcome[Sent]],
        *,
        first: int,
        largest: int,
        timeout_s: float,
    ) -> None:
        self.size = first
        self.largest = largest
        self._send = send
        self._timeout_s = timeout_s

    def send(self, items: list[Sent]) -> tuple[DeliveryOutcome[Sent], list[Sent]]:
        """Send the first portion of ``items``: its fate, and which of ``items`` are still to go."""
        number = len(items) if self.size == self.largest else self.size
        portion, rest = items[:number], items[number:]
        began_s = time.monotonic()
        outcome = self._send(portion)
        took_s = time.monotonic() - began_s
        if outcome.unanswered:
            self.size = max(1, outcome.unanswered // 2)
        elif outcome.delivered and number <= len(portion) and took_s < self._timeout_s * _QUICK:
            self.size = min(self.largest, self.size + max(1, self.size // 2))
        return outcome, outcome.again + rest


def observation_portions(destination: Destination[Sent], limits: Limits) -> Portions[Sent]:
    """How observations go: all at once while the server manages."""
    most = limits.post
    return Portions(
        destination.send_observations, first=most, largest=most, timeout_s=limits.timeout_s
    )


def score_portions(destination: Destination[Sent], limits: Limits) -> Portions[Sent]:
    """How scores go: few at once, of which a server stores one after the other."""
    return Portions(
        destination.send_scores,
        first=limits.first_score_post,
        largest=limits.score_post,
        timeout_s=limits.timeout_s,
    )
