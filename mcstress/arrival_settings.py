"""``--arrival-rate`` and what belongs to it: the open model, in which a schedule begins events."""

from __future__ import annotations

import re
from argparse import Namespace
from math import isfinite
from typing import Any

import msgspec
from locust.util.timespan import parse_timespan

from mcstress.errors import UsageError
from mcstress.load.schedule import KINDS, ArrivalKind, ArrivalRate
from mcstress.metrics.verdict import Check, parse_check
from mcstress.option_defaults import MAX_WAIT_S
from mcstress.option_values import seconds, whole

MOST_PER_S = 1_000_000.0
FIRST_PER_S = 5
"""Where a search for the capacity begins unless --arrival-rate says."""
NONE_MISSED = parse_check("arrivals.missed == 0")
NONE_MISSED_BY_CLOCK = parse_check("appointments.missed == 0")
CAPACITY_KNOWN = parse_check("capacity.first_broken > 0")
"""Unknown where the pool of users or the load generator ended the search first."""
OWN_CHECKS = (NONE_MISSED, NONE_MISSED_BY_CLOCK, CAPACITY_KNOWN)
"""Checks that runs by a schedule have by themselves."""
_NUMBER = r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?"
_RATE = re.compile(rf"({_NUMBER})(?:\s*-\s*({_NUMBER}))?")


class ArrivalSettings(msgspec.Struct, frozen=True):
    """The schedule that was asked for; ``find_capacity``: a search, from ``rate`` on."""

    rate: ArrivalRate
    kind: ArrivalKind
    max_wait_s: float
    find_capacity: bool = False

    def __str__(self) -> str:
        """``poisson 10 to 100/s``."""
        search = ", then what the search for the capacity tries" if self.find_capacity else ""
        return f"{self.kind} {self.rate}{search}"


def arrivals_of(options: Namespace) -> ArrivalSettings | None:
    """What the options ask for; None: the closed model. Raises UsageError."""
    text = str(options.arrival_rate or "").strip()
    if options.find_capacity:
        _refuse_beside_search(text, options)
        text = text or str(FIRST_PER_S)
    kind, max_wait_s = _kind(options.arrivals), seconds("--max-wait", options.max_wait)
    if not text:
        if str(options.clock or "").strip() not in ("", "0"):
            return None  # the clock is a schedule, too; what belongs to it is read there
        for name, found, default in (
            ("--arrivals", kind, "poisson"),
            ("--max-wait", max_wait_s, MAX_WAIT_S),
        ):
            if found != default:
                raise UsageError(
                    f"{name}: found {found} and no --arrival-rate, expected both: without a "
                    "schedule nothing waits for a user"
                )
        return None
    rate = _rate(text, getattr(options, "run_time", None))
    if str(options.think_time).strip() not in ("", "0", "0.0"):
        mode = "--find-capacity" if options.find_capacity else "--arrival-rate"
        raise UsageError(
            f"--think-time: found {options.think_time!r} with {mode}, expected one of the "
            "two: a schedule says when events begin"
        )
    return ArrivalSettings(rate, kind, max_wait_s, bool(options.find_capacity))


def _refuse_beside_search(rate: str, options: Namespace) -> None:
    """What a search for the capacity cannot have beside it."""
    if _RATE.fullmatch(rate) and "-" in rate.lower().replace("e-", ""):
        raise UsageError(
            f"--find-capacity: found --arrival-rate {rate!r}, expected one rate to begin with, as 5"
        )
    if rounds := whole("--rounds", options.rounds):
        raise UsageError(
            f"--find-capacity: found --rounds {rounds}, expected no end but its own (or -t)"
        )


def with_own_checks(
    checks: list[Check], asked: ArrivalSettings | None, *, by_clock: bool
) -> list[Check]:
    """With what each run by a schedule is checked for, unless its figure is checked already."""
    named = {check.metric for check in checks}
    own = [NONE_MISSED_BY_CLOCK] if by_clock else [NONE_MISSED] if asked is not None else []
    added = [check for check in own if check.metric not in named]
    searches = asked is not None and asked.find_capacity
    if searches and not any(name.startswith("capacity.") for name in named):
        added.append(CAPACITY_KNOWN)
    return [*checks, *added]


def refuse_without_schedule(check: Check, asked: ArrivalSettings | None, *, by_clock: bool) -> None:
    """Response and lateness are of both schedules, arrivals of one, appointments of the other."""
    searches, closed = asked is not None and asked.find_capacity, asked is None
    needs = {
        "arrivals.": ("--arrival-rate", closed),
        "capacity.": ("--find-capacity", not searches),
        "appointments.": ("--clock", not by_clock),
        "latency.response.": ("--arrival-rate nor --clock", closed and not by_clock),
        "latency.lateness.": ("--arrival-rate nor --clock", closed and not by_clock),
    }
    for beginning, (lacking, is_lacking) in needs.items():
        if check.metric.startswith(beginning) and is_lacking:
            no = "neither" if " nor " in lacking else "no"
            raise UsageError(
                f"check {check.text!r}: found {no} {lacking}, expected one: this figure needs a "
                "schedule"
            )


def _rate(text: str, run_time: Any) -> ArrivalRate:
    match = _RATE.fullmatch(text)
    ends = [float(end) for end in match.groups() if end] if match else []
    if not ends or max(ends) <= 0 or not all(map(isfinite, ends)):
        raise UsageError(
            f"--arrival-rate: found {text!r}, expected events a second above 0 as 50, or as 10-100"
        )
    if max(ends) > MOST_PER_S:
        raise UsageError(f"--arrival-rate: found {text!r}, expected at most {MOST_PER_S:,.0f}")
    first, last = ends[0], ends[-1]
    if len(ends) == 1:
        return ArrivalRate(last, last)
    over_s = run_time_of(run_time)
    if over_s <= 0:
        raise UsageError(
            f"--arrival-rate: found {text!r} without -t, expected a run time: the rate goes from "
            "one to the other in it"
        )
    return ArrivalRate(first, last, over_s)


def run_time_of(run_time: Any) -> float:
    """Locust's run time; 0 where there is none, or none that can be read: Locust refuses that."""
    if isinstance(run_time, str) and run_time.strip():
        try:
            return float(parse_timespan(run_time))
        except ValueError:
            return 0.0
    return float(run_time or 0)


def _kind(text: Any) -> ArrivalKind:
    for kind in KINDS:
        if text == kind:
            return kind
    raise UsageError(f"--arrivals: found {text!r}, expected {' or '.join(KINDS)}")
