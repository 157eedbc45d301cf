"""How far a worker's clock is from the master's, from the round trips of messages.

Estimator: Cristian's (1989) with NTP's four times (RFC 5905): of a message that went out at
``sent`` and whose answer came at ``received`` (this clock), and that the master got at ``got`` and
answered at ``answered`` (its clock), the offset is ((got - sent) + (answered - received)) / 2, and
it is wrong by at most half of the round trip, whatever the two ways' shares in it. The smallest
round trip wins. A trip grows old, since two clocks drift apart: from ``sent`` on its error grows by
100 µs a second (quartz: up to 50), so that a newer trip wins in time. Source: VERDICT.md, section
2.
"""

from __future__ import annotations

DRIFT = 100e-6
"""Seconds that two clocks may drift apart in a second."""


class ClockOffset:
    """What to add to this clock's time to have the master's; all times in seconds."""

    def __init__(self) -> None:
        self._best: tuple[float, float, float] | None = None

    def add(self, sent: float, got: float, answered: float, received: float) -> None:
        """Learn from a round trip; one that is shorter than nothing (a clock was set) is none."""
        trip = (received - sent) - (answered - got)
        if trip < 0 or answered < got:
            return
        error, known = trip / 2 + DRIFT * (received - sent), self.error(received)
        offset = ((got - sent) + (answered - received)) / 2
        if known is not None and abs(offset - self.offset) > error + known:
            known = None  # both cannot be true: a clock was set, or a machine slept
        if known is None or error <= known:
            self._best = offset, error, received

    def forget(self) -> None:
        """Begin anew: this clock was set."""
        self._best = None

    @property
    def offset(self) -> float:
        """The master's time less this clock's; 0 before the first round trip."""
        return 0.0 if self._best is None else self._best[0]

    def error(self, now: float) -> float | None:
        """The most that ``offset`` is wrong by at ``now`` (this clock); None where unknown."""
        if self._best is None:
            return None
        _, error, since = self._best
        return error + DRIFT * abs(now - since)
