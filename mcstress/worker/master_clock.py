"""The master's clock, as a worker tells it: what happens on all machines has one time."""

from __future__ import annotations

from mcstress.metrics.clock_offset import ClockOffset
from mcstress.services.steady_clock import CLOCK


class MasterClock:
    """Learns from round trips of messages by how much this process's clock is off, and shifts it.

    It is shifted only where the trips show that it is wrong: two processes of one machine agree as
    they are, and a guess of some ms would put them apart. So times already told stay in order with
    those to come, but where a better trip shows them wrong; ``error_s`` counts that, too.
    """

    def __init__(self) -> None:
        CLOCK.anchor()
        self._offset = ClockOffset()
        self._told: list[float] = []
        self._shift_s = 0.0

    def unshifted_s(self) -> float:
        """Tell this process's own clock; times of messages are told by it."""
        return CLOCK.now_s() - self._shift_s

    def learn(self, sent_s: float, got_s: float, answered_s: float) -> None:
        """A message went out at ``sent_s`` (own clock), and its answer is here.

        The master got it at ``got_s`` and answered at ``answered_s`` (its clock).
        """
        received_s = self.unshifted_s()
        self._offset.add(sent_s, got_s, answered_s, received_s)
        error_s = self._offset.error(received_s)
        away_s = self._offset.offset - self._shift_s
        if error_s is not None and abs(away_s) > error_s:
            CLOCK.shift(away_s)
            self._shift_s += away_s
        ends = [*self._told, self._shift_s]
        self._told = [min(ends), max(ends)]

    @property
    def offset_s(self) -> float:
        """The master's time less this process's own."""
        return self._offset.offset

    @property
    def error_s(self) -> float | None:
        """The most that any time told so far is wrong by; None before the first trip."""
        error_s = self._offset.error(self.unshifted_s())
        if error_s is None:
            return None
        return error_s + max(abs(self._offset.offset - shift_s) for shift_s in self._told)
