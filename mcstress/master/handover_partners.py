"""Who waits for whose recordings, as the master sees it."""

from __future__ import annotations

from mcstress.master.seat_pool import SeatPool
from mcstress.users.handover_board import Recordings
from mcstress.users.run import Seat
from mcstress.users.scenarios.model import Handover

ROUNDS_KEPT_UNASKED = 2
"""Rounds kept of a seat whose partner is not there yet, where rounds have no end."""


class HandoverPartners:
    """Keeps what was recorded until the partner that takes over has gone past it.

    Where there are ``rounds``, a partner that comes late begins with the first, and all are kept
    for it; else it joins its trio in the round that the trio has reached. ``keeps_all``: by the
    clock, in which a round is a day, an earlier one is asked for too.
    """

    def __init__(
        self, handovers: list[Handover], seats: SeatPool, rounds: int, *, keeps_all: bool = False
    ) -> None:
        self._seats = seats
        self._keeps_all = keeps_all
        self._kept_unasked = rounds or ROUNDS_KEPT_UNASKED
        self._takers: dict[str, set[str]] = {}
        self._givers: dict[str, set[str]] = {}
        for handover in handovers:
            self._takers.setdefault(handover.from_persona, set()).add(handover.to_persona)
            self._givers.setdefault(handover.to_persona, set()).add(handover.from_persona)
        self._recordings: dict[tuple[str, int], dict[int, Recordings]] = {}

    def takers_of(self, seat: Seat) -> list[str]:
        """The workers of those who take over from the seat."""
        leases = (self._seats.at(taker, seat.trio) for taker in self._takers.get(seat.persona, ()))
        return sorted({lease.worker for lease in leases if lease is not None})

    def givers_of(self, seat: Seat) -> list[str]:
        """The personas that the seat takes over from."""
        return sorted(self._givers.get(seat.persona, ()))

    def put(self, recordings: Recordings) -> list[str]:
        """Keep what was recorded; the workers to pass it on to."""
        takers = self._takers.get(recordings.persona, set())
        if not takers:
            return []
        rounds = self._recordings.setdefault((recordings.persona, recordings.trio), {})
        rounds[recordings.round] = recordings
        leases = [self._seats.at(taker, recordings.trio) for taker in takers]
        reached = [lease.round for lease in leases if lease is not None]
        oldest = min(reached, default=recordings.round - self._kept_unasked + 1)
        for past in [] if self._keeps_all else [known for known in rounds if known < oldest]:
            del rounds[past]
        return sorted({lease.worker for lease in leases if lease is not None})

    def recordings_for(self, seat: Seat) -> list[Recordings]:
        """All that is kept of the seats that this one takes over from."""
        return [
            recordings
            for giver in sorted(self._givers.get(seat.persona, ()))
            for recordings in self._recordings.get((giver, seat.trio), {}).values()
        ]
