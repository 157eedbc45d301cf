"""Checks of figures that only a run by a schedule has: its own, and those that are refused."""

from __future__ import annotations

from mcstress.arrival_settings import ArrivalSettings
from mcstress.clock_settings import ClockSettings
from mcstress.errors import UsageError
from mcstress.metrics.checks import Check, parse_check

NONE_MISSED = parse_check("arrivals.missed == 0")
NONE_MISSED_BY_CLOCK = parse_check("appointments.missed == 0")


def own_checks(
    checks: list[Check], arrivals: ArrivalSettings | None, clock: ClockSettings | None
) -> list[Check]:
    """With what each run by a schedule is checked for, unless its figure is checked already."""
    if arrivals is None and clock is None:
        return checks
    own = NONE_MISSED if clock is None else NONE_MISSED_BY_CLOCK
    return checks if own.metric in {check.metric for check in checks} else [*checks, own]


def refuse_without_schedule(
    check: Check, arrivals: ArrivalSettings | None, clock: ClockSettings | None
) -> None:
    """Response and lateness are of both schedules, arrivals of one, appointments of the other."""
    either = "neither --arrival-rate nor --clock", arrivals is None and clock is None
    needs = {
        "arrivals.": ("no --arrival-rate", arrivals is None),
        "appointments.": ("no --clock", clock is None),
        "latency.response.": either,
        "latency.lateness.": either,
    }
    for beginning, (lacking, is_lacking) in needs.items():
        if check.metric.startswith(beginning) and is_lacking:
            raise UsageError(
                f"check {check.text!r}: found {lacking}, expected one: this figure needs a schedule"
            )
