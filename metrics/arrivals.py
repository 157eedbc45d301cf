"""Arrivals of a schedule: what was offered, what became of it, and what never began.

Arrivals that never began are no events, and yet somebody waited: percentiles of the response have
them as "at least that long" (response.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Annotated, Literal

import msgspec

from mcstress.metrics.appointments import AppointmentRow, AppointmentTotals
from mcstress.metrics.tally import Tally

ArrivalFate = Literal["missed", "cut"]

UnservedRow = tuple[
    Annotated[int, msgspec.Meta(ge=0, le=2**40, description="Unix second of its intended time")],
    Annotated[
        int, msgspec.Meta(ge=0, le=2**53, description="thousandths of an arrival a second then")
    ],
    Annotated[
        ArrivalFate, msgspec.Meta(description="missed: waited too long. cut: by the run's end")
    ],
    Annotated[int, msgspec.Meta(ge=0, le=2**53, description="ms that it had waited, rounded down")],
    Annotated[int, msgspec.Meta(ge=1, le=2**53, description="how many such arrivals")],
]
UnservedRows = Sequence[UnservedRow]
THOUSAND = 1000


class OfferedSecond(msgspec.Struct, frozen=True, array_like=True):
    """One second of the schedule, as the master granted it."""

    time: Annotated[int, msgspec.Meta(ge=0, le=2**40, description="the Unix second that it is")]
    rate_per_s: Annotated[float, msgspec.Meta(ge=0, description="arrivals that were expected")]
    arrivals: Annotated[int, msgspec.Meta(ge=0, le=2**53, description="arrivals that it had")]
    lasted_s: Annotated[
        float, msgspec.Meta(gt=0, le=1, description="how long of it was before the end")
    ] = 1.0


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One rate of a search for the capacity, held for some seconds and judged by its own events."""

    number: Annotated[int, msgspec.Meta(ge=1, le=10**6, description="from 1, repeats too")]
    rate_per_s: Annotated[float, msgspec.Meta(gt=0, description="arrivals a second")]
    begins: Annotated[int, msgspec.Meta(ge=0, le=2**40, description="its first Unix second")]
    seconds: Annotated[int, msgspec.Meta(ge=1, le=2**40, description="how long it was offered")]
    held: Annotated[
        bool | None, msgspec.Meta(description="whether all checks held; null: not judged")
    ] = None
    why: Annotated[str, msgspec.Meta(description="what did not hold, in words")] = ""
    check: Annotated[str, msgspec.Meta(description="the first check that did not hold")] = ""
    by: Annotated[
        Literal["", "service", "pool", "generator", "mix"],
        msgspec.Meta(description="what ended it: the service, the pool of users, the generator"),
    ] = ""
    requests_per_s: Annotated[
        float | None, msgspec.Meta(description="requests by seconds; null: none")
    ] = None
    mix: Annotated[
        dict[str, float], msgspec.Meta(description="share of each phase in its events")
    ] = {}


class ArrivalTotals(msgspec.Struct, kw_only=True):
    """What became of all arrivals: ``offered`` is the sum of the others."""

    offered: Annotated[int, msgspec.Meta(description="arrivals that came before the end")]
    begun: Annotated[int, msgspec.Meta(description="that became events")]
    missed: Annotated[int, msgspec.Meta(description="that waited longer than --max-wait")]
    cut: Annotated[int, msgspec.Meta(description="that waited when the run ended")]
    unknown: Annotated[int, msgspec.Meta(description="of a lost worker, which did not say")]


class Unserved(Tally[tuple[int, int, ArrivalFate, int]]):
    """How many arrivals by intended second, offered rate, fate and wait.

    ``missed`` ones have all waited for the longest wait: a second of them is one row.
    """

    def add(
        self,
        second: int,
        offered_per_s: float,
        fate: ArrivalFate,
        waited_ms: float,
        number: int = 1,
    ) -> None:
        """Count arrivals."""
        self[second, round(offered_per_s * THOUSAND), fate, int(waited_ms)] += number

    def rows(self) -> list[UnservedRow]:
        """As files and messages have them, ascending."""
        return [(*key, count) for key, count in sorted(self.items())]

    def take_in(self, rows: Iterable[UnservedRow]) -> None:
        """Count what ``rows`` tell."""
        for second, rate, fate, waited_ms, number in rows:
            self[second, rate, fate, waited_ms] += number


class Starved(msgspec.Struct, frozen=True):
    """A load generator that did not keep up: why waits cannot be told from its own.

    ``most_ms``: how much of any one wait can be its own, in ms: the time for which it worked or was
    held up itself, in the seconds in which it did not keep up. If everything else had stood still
    in that time, each event would have ended later by just that, with its wait for a user.
    """

    why: str
    most_ms: float = inf


class Offered(msgspec.Struct, frozen=True):
    """All that is known of a run's schedule beside its events; ``totals`` None: there was none.

    ``appointments`` and their totals are those of a run by the clock, ``trials`` those of a search
    for the capacity. ``starved``: where the process itself is to blame for waits.
    """

    seconds: Sequence[OfferedSecond] = ()
    unserved: UnservedRows = ()
    totals: ArrivalTotals | None = None
    appointments: Sequence[AppointmentRow] = ()
    appointment_totals: AppointmentTotals | None = None
    trials: Sequence[Trial] = ()
    starved: Starved | None = None


def total(rows: UnservedRows, fate: ArrivalFate) -> int:
    """How many arrivals had this fate."""
    return sum(row[4] for row in rows if row[2] == fate)
