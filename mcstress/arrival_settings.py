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
from mcstress.option_values import seconds
from mcstress.options import MAX_WAIT_S

MOST_PER_S = 1_000_000.0
_NUMBER = r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?"
_RATE = re.compile(rf"({_NUMBER})(?:\s*-\s*({_NUMBER}))?")


class ArrivalSettings(msgspec.Struct, frozen=True):
    """The schedule that was asked for."""

    rate: ArrivalRate
    kind: ArrivalKind
    max_wait_s: float

    def __str__(self) -> str:
        """``poisson 10 to 100/s``."""
        return f"{self.kind} {self.rate}"


def arrivals_of(options: Namespace) -> ArrivalSettings | None:
    """What the options ask for; None: the closed model. Raises UsageError."""
    text = str(options.arrival_rate or "").strip()
    kind, max_wait_s = _kind(options.arrivals), seconds("--max-wait", options.max_wait)
    if not text:
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
        raise UsageError(
            f"--think-time: found {options.think_time!r} with --arrival-rate, expected one of the "
            "two: a schedule says when events begin"
        )
    return ArrivalSettings(rate, kind, max_wait_s)


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
    over_s = _seconds(run_time)
    if over_s <= 0:
        raise UsageError(
            f"--arrival-rate: found {text!r} without -t, expected a run time: the rate goes from "
            "one to the other in it"
        )
    return ArrivalRate(first, last, over_s)


def _seconds(run_time: Any) -> float:
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
