"""Mail from outside in a run by the clock: its ``Date`` says at which hour it comes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

import msgspec

from mcstress.errors import UsageError
from mcstress.metrics.event import utc
from mcstress.users.appointments import HOUR_MS, hour_0
from mcstress.users.mail import NAMED, Mail, MailSource
from mcstress.users.scenarios.model import Scenario

MS = 1000


class DueMail(msgspec.Struct, frozen=True):
    """A message for one seat, at its time on the clock; ``number`` is its appointment's."""

    persona: str
    trio: int
    number: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    at_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    mail: Mail

    @property
    def place(self) -> tuple[str, int]:
        """The persona and trio of its seat."""
        return self.persona, self.trio


def within_the_clock(source: MailSource, scenario: Scenario, hours: float) -> MailSource:
    """The messages that are dated within the clock; others are left out, counted, and named.

    Raises UsageError where there is none.
    """
    found: list[Mail] = []
    reasons: list[str] = []
    for mail in source.messages:
        if reason := _outside(mail, scenario, hours):
            reasons.append(reason)
        else:
            found.append(mail)
    if not found:
        raise UsageError(
            f"{source.source}: found {_dates(source.messages)}, expected a message between "
            f"{_at(scenario, 0)} and {_at(scenario, hours)} UTC, the {hours:g} hours of --clock; "
            "start in the scenario is the day of hour 0"
        )
    return msgspec.structs.replace(
        source,
        messages=found,
        left_out=source.left_out + len(reasons),
        faults=[*source.faults, *reasons][:NAMED],
    )


def at_ms_of(scenario: Scenario, mail: Mail) -> int:
    """When a message that has a date comes, in ms since hour 0."""
    return round(((mail.sent_s or 0.0) - hour_0(scenario).timestamp()) * MS)


def _outside(mail: Mail, scenario: Scenario, hours: float) -> str:
    """Why a message has no place on the clock; empty where it has one."""
    if mail.sent_s is None:
        return f"{mail.place}: has no date, by which the clock places it"
    if 0 <= at_ms_of(scenario, mail) < hours * HOUR_MS:
        return ""
    return f"{mail.place}: is of {utc(mail.sent_s):%Y-%m-%d %H:%M} UTC, outside of the clock"


def _dates(messages: Iterable[Mail]) -> str:
    """From when to when messages are."""
    dates = sorted(mail.sent_s for mail in messages if mail.sent_s is not None)
    if not dates:
        return "messages without a date"
    return f"messages from {utc(dates[0]):%Y-%m-%d %H:%M} to {utc(dates[-1]):%Y-%m-%d %H:%M} UTC"


def _at(scenario: Scenario, hours: float) -> str:
    return f"{hour_0(scenario) + timedelta(hours=hours):%Y-%m-%d %H:%M}"
