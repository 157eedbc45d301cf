"""What happens when, in hours of the scenario's clock: the keys of ``--clock`` (docs/clock.md)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

PLAIN_NAME = r"^[a-z][a-z0-9]*\Z"
HOURS = 24
START = date(2026, 3, 2)
"""The day of hour 0 where a scenario names none: never today, so that zones mean the same."""

Hour = Annotated[float, Meta(ge=0, le=100_000)]
"""Hours since hour 0, with decimals: 33.5 is half past nine on day 2."""
HourOfDay = Annotated[float, Meta(ge=0, le=HOURS)]
Weight = Annotated[float, Meta(ge=0, le=1_000_000)]


class TimelineEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A phase of the personas (of all who take part in it, where none is named) at an hour.

    ``every`` so many hours again, ``until`` an hour or the end. ``spread``: each coordinator begins
    up to so many minutes later, drawn from the seed.
    """

    hour: Hour
    phase: Annotated[str, Meta(pattern=r"\S")]
    personas: list[Annotated[str, Meta(pattern=PLAIN_NAME)]] = []
    every: Annotated[float, Meta(gt=0, le=100_000)] | None = None
    until: Hour | None = None
    spread: Annotated[float, Meta(ge=0, le=100_000)] = 0.0


class Burst(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many messages (or resumes) of each trio at an hour."""

    hour: Hour
    messages: Annotated[int, Meta(ge=1, le=10_000)]


class ArrivalSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Messages or new resumes that come by chance, ``per_day`` for each trio.

    ``profile``: weights of the 24 hours of a day, in the zone of whoever gets them. ``by``:
    weights of channels and priorities of messages, 1 for those that are not named.
    """

    phase: Literal["inbox", "fresh_resume"]
    per_day: Annotated[float, Meta(ge=0, le=100_000)] = 0.0
    profile: Annotated[list[Weight], Meta(min_length=HOURS, max_length=HOURS)] = msgspec.field(
        default_factory=lambda: [1.0] * HOURS
    )
    by: dict[str, Weight] = {}
    bursts: list[Burst] = []


class Shift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A persona works from one hour of its zone's day to another, past midnight too."""

    persona: Annotated[str, Meta(pattern=PLAIN_NAME)]
    zone: Annotated[str, Meta(pattern=r"\S")]
    from_: HourOfDay = msgspec.field(name="from")
    to: HourOfDay
