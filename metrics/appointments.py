"""Appointments of a run by the clock: what became of each, and what somebody outside waited.

An appointment is a phase of one seat, or one message or new resume of it; its response is from its
intended time to the end of its last event. What was missed or cut counts as slower than all that
ended, as in response.py; what was skipped, for the baseline that it needs was not there, asked
nothing, and is in no figure of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import msgspec

from mcstress.metrics.histogram import Histogram, censored_summary

AppointmentFate = Literal["done", "missed", "skipped", "cut"]
FATES: tuple[AppointmentFate, ...] = ("done", "missed", "skipped", "cut")
Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=2**53)]
MS, HOUR_MS = 1000, 3_600_000
ALL = "all"


class AppointmentRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One appointment, when it was over: done, or given up."""

    at_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53, description="its time, ms since hour 0")]
    coordinator: Annotated[str, msgspec.Meta(description="whose it was")]
    number: Annotated[
        int, msgspec.Meta(ge=1, le=2**53, description="of the coordinator's, by time")
    ]
    phase: Annotated[str, msgspec.Meta(description="what was to be done")]
    fate: Annotated[
        AppointmentFate,
        msgspec.Meta(
            description="done; missed: waited longer than --max-wait; skipped: the baseline that "
            "it needs was not there; cut: by the end of the run, or with its seat"
        ),
    ]
    generator_ms: Annotated[
        Milliseconds, msgspec.Meta(description="wait while its user was idle")
    ] = 0.0
    queue_ms: Annotated[
        Milliseconds, msgspec.Meta(description="wait while its user was busy with an earlier one")
    ] = 0.0
    response_ms: Annotated[
        Milliseconds, msgspec.Meta(description="until its last event's end, or until given up")
    ] = 0.0


AppointmentRows = Sequence[AppointmentRow]


class AppointmentTotals(msgspec.Struct, kw_only=True):
    """What became of all appointments: ``offered`` is the sum of the others."""

    offered: Annotated[int, msgspec.Meta(description="appointments that came before the end")]
    done: Annotated[int, msgspec.Meta(description="whose last event ended")]
    missed: Annotated[int, msgspec.Meta(description="that waited longer than --max-wait")]
    skipped: Annotated[int, msgspec.Meta(description="whose baseline was not there")]
    cut: Annotated[int, msgspec.Meta(description="that the run's end cut")]
    unknown: Annotated[int, msgspec.Meta(description="of a lost worker, which did not say")]


def totals(rows: Iterable[AppointmentRow], unknown: int = 0) -> AppointmentTotals:
    """The sums of ``rows``."""
    fates = Counter(row.fate for row in rows)
    return AppointmentTotals(
        offered=fates.total() + unknown,
        done=fates["done"],
        missed=fates["missed"],
        skipped=fates["skipped"],
        cut=fates["cut"],
        unknown=unknown,
    )


def in_order(rows: Iterable[AppointmentRow]) -> list[AppointmentRow]:
    """By their times: the same for any number of processes."""
    return sorted(rows, key=lambda row: (row.at_ms, row.coordinator, row.number))


def responses(rows: AppointmentRows) -> dict[str, Any]:
    """``response`` by phase and of all, ``lateness`` by part; empty without rows.

    Percentiles as everywhere; given up ones are right-censored (histogram.censored_summary).
    """
    if not rows:
        return {}
    phases = sorted({row.phase for row in rows if row.fate != "skipped"})
    found = {ALL: _summary(rows)}
    found |= {phase: _summary([row for row in rows if row.phase == phase]) for phase in phases}
    late = {"generator": Histogram(), "queue": Histogram()}
    begun = [row for row in rows if row.fate == "done"]
    late["generator"].record(*(row.generator_ms for row in begun))
    late["queue"].record(*(row.queue_ms for row in begun))
    return {"response": found, "lateness": {name: one.summary() for name, one in late.items()}}


def _summary(rows: AppointmentRows) -> dict[str, Any]:
    ended, given_up = Histogram(), Histogram()
    ended.record(*(row.response_ms for row in rows if row.fate == "done"))
    given_up.record(*(row.response_ms for row in rows if row.fate in ("missed", "cut")))
    return censored_summary(ended, given_up)


class LaneCount(msgspec.Struct):
    """Of one phase within some hours: appointments, and those of them that were not done."""

    offered: int = 0
    not_done: int = 0


def lanes(rows: Iterable[AppointmentRow], hours: float) -> dict[str, dict[int, LaneCount]]:
    """By phase and by slot of so many ``hours``, counted from 0: when appointments were due."""
    found: dict[str, dict[int, LaneCount]] = {}
    for row in rows:
        lane = found.setdefault(row.phase, {})
        counted = lane.setdefault(int(row.at_ms / (hours * HOUR_MS)), LaneCount())
        counted.offered += 1
        counted.not_done += row.fate != "done"
    return found


def by_slot(rows: AppointmentRows, hours: float) -> dict[int, Any]:
    """By slot of so many ``hours``: the response of all that was due in it."""
    slots: dict[int, list[AppointmentRow]] = {}
    for row in rows:
        slots.setdefault(int(row.at_ms / (hours * HOUR_MS)), []).append(row)
    return {slot: _summary(slots[slot]) for slot in sorted(slots)}
