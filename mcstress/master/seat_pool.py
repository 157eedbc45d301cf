"""Who sits where: the master leases seats, the lowest free number first, and takes them back."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence

import msgspec

from mcstress.users.run import Seat

Place = tuple[str, int]
"""(persona, trio number)."""


class Lease(msgspec.Struct):
    """A living coordinator's seat: its worker, its round, and whether its holder is to move."""

    seat: Seat
    worker: str
    round: int = 0
    done: bool = False
    moves: bool = False


class SeatPool:
    """All seats of a run. No two living coordinators ever share one.

    A seat leased again gets the next generation, and begins after the last round that any holder
    of it began. Where a run's rounds have no end (``in_step``), a new holder joins its trio in the
    round that it has reached, so that partners who came at different times meet.
    """

    def __init__(self, *, in_step: bool = False) -> None:
        self._in_step = in_step
        self._free: dict[str, list[int]] = {}
        self._made: dict[str, int] = {}
        self._generations: dict[Place, int] = {}
        self._last_rounds: dict[Place, int] = {}
        self._leases: dict[Place, Lease] = {}
        self._trios: dict[int, dict[str, Lease]] = {}

    def __len__(self) -> int:
        return len(self._leases)

    def held(self, persona: str) -> int:
        """How many of the persona's seats are held."""
        return self._made.get(persona, 0) - len(self._free.get(persona, ()))

    def lease(self, persona: str, worker: str) -> Seat:
        """Give the worker the lowest free seat of the persona."""
        free = self._free.setdefault(persona, [])
        if free:
            trio = heapq.heappop(free)
        else:
            trio = self._made[persona] = self._made.get(persona, 0) + 1
        place = (persona, trio)
        generation = self._generations[place] = self._generations.get(place, 0) + 1
        first_round = self._last_rounds.get(place, 0) + 1
        if self._in_step:
            first_round = max(first_round, self._reached(trio))
        seat = Seat(persona, trio, generation, first_round)
        self._leases[place] = Lease(seat, worker)
        self._trios.setdefault(trio, {})[persona] = self._leases[place]
        return seat

    def _reached(self, trio: int) -> int:
        return max((lease.round for lease in self._trios.get(trio, {}).values()), default=0)

    def release(self, seat: Seat) -> bool:
        """Take the seat back; False where this generation no longer holds it."""
        if self.holder(seat) is None:
            return False
        del self._leases[seat.persona, seat.trio]
        del self._trios[seat.trio][seat.persona]
        heapq.heappush(self._free[seat.persona], seat.trio)
        return True

    def holder(self, seat: Seat) -> Lease | None:
        """The lease of exactly this seat and generation."""
        lease = self._leases.get((seat.persona, seat.trio))
        return lease if lease and lease.seat.generation == seat.generation else None

    def was_leased(self, persona: str, trio: int, generation: int = 1) -> bool:
        """Whether the seat was ever given out, as often as ``generation`` says."""
        return 1 <= generation <= self._generations.get((persona, trio), 0)

    def at(self, persona: str, trio: int) -> Lease | None:
        """Who holds the seat now."""
        return self._leases.get((persona, trio))

    def begin_round(self, seat: Seat, round_: int) -> None:
        """Note how far the seat is; kept beyond its lease."""
        place = (seat.persona, seat.trio)
        self._last_rounds[place] = max(round_, self._last_rounds.get(place, 0))
        if lease := self.holder(seat):
            lease.round = round_

    def done(self, seat: Seat) -> None:
        """Note that the seat's holder has done all its rounds."""
        if lease := self.holder(seat):
            lease.done = True

    def all_done(self) -> bool:
        """Whether there are living seats and each has done its rounds."""
        return bool(self._leases) and all(lease.done for lease in self._leases.values())

    def strays(self) -> list[Seat]:
        """Those who sit above free seats of their persona: after many left, their trios are torn.

        Once they have moved down, the seats of each persona are the lowest again.
        """
        living = Counter(persona for persona, _ in self._leases)
        return [
            lease.seat for (persona, trio), lease in self._leases.items() if trio > living[persona]
        ]

    def of_worker(self, worker: str) -> list[Seat]:
        """The seats that the worker holds."""
        return [lease.seat for lease in self._leases.values() if lease.worker == worker]

    def leases(self) -> list[Lease]:
        """Every living coordinator's."""
        return list(self._leases.values())

    def places(self, personas: Sequence[str]) -> list[Place]:
        """The seats that are held, trio by trio, the personas in their order."""
        return sorted(self._leases, key=lambda place: (place[1], personas.index(place[0])))

    def ever_held(self) -> dict[str, int]:
        """How many seats of each persona were ever leased, for what the run should have done."""
        return dict(self._made)


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
