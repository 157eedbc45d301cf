"""What a clock's keys must keep among themselves; what depends on its hours, its run checks."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo, available_timezones

from mcstress.users.scenarios.clock_model import HOURS
from mcstress.users.scenarios.model import PRIORITIES, MessageType
from mcstress.users.scenarios.scenario_error import describe, entry, suggestion, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcstress.users.scenarios.clock_model import ArrivalSource
    from mcstress.users.scenarios.schema import ScenarioFile

CHANNELS: tuple[str, ...] = get_args(MessageType)
WEIGHED = (*CHANNELS, *PRIORITIES)
FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(2999, 12, 31)
"""Of hour 0: shifts before it and hours after it have a Unix time too, whatever the zone."""


def clock_faults(file: ScenarioFile) -> Iterator[str]:
    """Entries of nobody, zones that do not exist, and weights of which nothing can be drawn."""
    yield from zone_faults("zone", file.zone)
    if not FIRST_DAY <= file.start <= LAST_DAY:
        yield f"start: found {file.start}, expected a day from {FIRST_DAY} to {LAST_DAY}"
    for index, item in enumerate(file.timeline):
        place = entry("timeline", index)
        for number, persona in enumerate(item.personas):
            key = f"{place}.{entry('personas', number)}"
            yield from unknown(key, persona, file.personas, "personas")
        if item.until is not None and item.every is None:
            yield f"{place}.until: found {item.until:g} and no every, expected both or none"
        elif item.until is not None and item.until < item.hour:
            yield f"{place}.until: found {item.until:g}, expected at least its hour, {item.hour:g}"
    for index, source in enumerate(file.arrivals):
        yield from _source_faults(entry("arrivals", index), source, file)
    for index, shift in enumerate(file.shifts):
        place = entry("shifts", index)
        yield from unknown(f"{place}.persona", shift.persona, file.personas, "personas")
        yield from zone_faults(f"{place}.zone", shift.zone)
        if shift.from_ == shift.to or (shift.from_, shift.to) == (HOURS, 0):  # of no length
            yield f"{place}.to: found {shift.to:g}, expected another hour than from"


def zone_faults(place: str, zone: str) -> Iterator[str]:
    """A fault where there is no such zone."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # a folder of zones, a text that is no path, none
        near = suggestion(zone, sorted(available_timezones()))
        yield f"{place}: found {describe(zone)}, expected an IANA time zone{near}"


def _source_faults(place: str, source: ArrivalSource, file: ScenarioFile) -> Iterator[str]:
    if not (source.per_day or source.bursts):
        yield f"{place}: found neither per_day nor bursts, expected one of them at least"
    if not any(source.profile):
        yield f"{place}.profile: found 24 weights of 0, expected one above 0 at least"
    if source.by and source.phase != "inbox":
        yield f"{place}.by: found weights for {source.phase}, expected them for inbox alone"
        return
    for name in source.by:
        yield from unknown(f"{place}.by", name, WEIGHED, "channels and priorities")
    if source.phase != "inbox" or not source.by:
        return
    for number, variant in enumerate(file.variants):
        if variant.inbox and not any(
            source.by.get(message.type, 1) * source.by.get(message.priority, 1)
            for message in variant.inbox
        ):
            yield (
                f"{place}.by: found weights that leave no message of {entry('variants', number)}, "
                "expected one above 0 for both a channel and a priority that it has"
            )
