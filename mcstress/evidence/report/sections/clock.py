"""The section on a run by the clock: what was due when, what was done, what somebody waited."""

from __future__ import annotations

from math import ceil
from typing import Any

import msgspec
from msgspec import UNSET

from mcstress.evidence.document_parts import ClockNote
from mcstress.evidence.report import formatting
from mcstress.evidence.report.section import Section, Table, figures
from mcstress.evidence.report.sections.arrivals import (
    PERCENTILES,
    fate_rows,
    response_headline,
    was_it_done,
)
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.appointments import (
    ALL,
    AppointmentRow,
    LaneCount,
    by_slot,
    lanes,
)
from mcstress.metrics.number_format import shown_hour
from mcstress.metrics.phase import PHASES
from mcstress.metrics.results import Percentiles

DAY_H = 24
MOST_ROWS = 12
_FATES = {
    "offered": "due by the clock until the end",
    "done": "done",
    "missed": "missed: they waited longer than --max-wait",
    "skipped": "skipped: the baseline that they need was not there",
    "cut": "cut by the end of the run, or with a seat that its worker lost",
    "unknown": "unknown: of a lost worker that did not say",
}
_PARTS = {
    "generator": "before it began, its coordinator being idle",
    "queue": "before it began, its coordinator being busy with an earlier one",
    "own_cap": "for an LLM slot, within an event",
}
_MEANING = (
    "An appointment is a phase of one coordinator, or one message or new resume of it. Response: "
    "from its time on the clock to the end of its last event, in ms of real time; what was missed "
    "or cut counts as slower than all that was done."
)


def clock(document: RunDocument) -> list[Section]:
    """What became of the appointments, by day, by phase and by hour; none without a clock."""
    totals, note = document.completeness.appointments, document.run.clock
    if totals is UNSET or note is UNSET:
        return []
    rows = document.appointments or []
    section = Section(
        key="clock",
        title="By the clock",
        question="Was it done in time?",
        answer=was_it_done(totals, "appointments", "no appointment waited too long"),
        headline=response_headline(document.speed),
        lead=_lead(document, note),
        tables=[
            Table(["Appointments", "Count"], fate_rows(totals, _FATES)),
            *_days(rows),
            *_responses(document),
            *_hours(rows, note),
            *_ages(document),
        ],
        notes=[_MEANING],
    )
    return [section]


def _lead(document: RunDocument, note: ClockNote) -> str:
    ended = document.run.ended
    reached = note.hour_of(ended.timestamp()) if ended else None
    is_cut = reached is not None and reached < note.hours
    told = f", ended at {shown_hour(max(reached or 0.0, 0.0))}" if is_cut else ""
    busy = max(note.busy.values(), default=None)
    share = (
        f" The busiest coordinator has something to do for {formatting.percent(busy)} of the time."
    )
    return (
        f"{note.hours:g} hours from {note.start} on, at {note.time_scale:g} times real "
        f"speed{told}; hour 0 is midnight of {note.zone}.{share if busy is not None else ''}"
    )


def _days(rows: list[AppointmentRow]) -> list[Table]:
    if not rows:
        return []
    summaries, counts = by_slot(rows, DAY_H), _totals_by_slot(rows, DAY_H)
    columns = ["Day", "due", "not done", *(f"response {PERCENTILES[key]}" for key in PERCENTILES)]
    return [
        Table(
            columns,
            [
                [
                    f"day {day + 1}",
                    formatting.count(counts[day].offered),
                    formatting.count(counts[day].not_done),
                    *_percentiles(msgspec.convert(summary, Percentiles)),
                ]
                for day, summary in summaries.items()
            ],
        )
    ]


def _totals_by_slot(rows: list[AppointmentRow], hours: float) -> dict[int, LaneCount]:
    found: dict[int, LaneCount] = {}
    for lane in lanes(rows, hours).values():
        for slot, counted in lane.items():
            total = found.setdefault(slot, LaneCount())
            total.offered += counted.offered
            total.not_done += counted.not_done
    return found


def _responses(document: RunDocument) -> list[Table]:
    """By phase, then the waits by their parts."""
    speed = document.speed
    phases = [name for name in in_order(speed.responses) if name != ALL]
    shown = [name for name in (ALL, *phases) if name in speed.responses]
    columns = [f"{PERCENTILES[key]}" for key in PERCENTILES]
    return [
        Table(
            ["Response, ms", "count", *columns],
            [
                [
                    formatting.spaced(name),
                    formatting.count(speed.responses[name].count),
                    *_percentiles(speed.responses[name]),
                ]
                for name in shown
            ],
        ),
        Table(
            ["Wait, ms", "count", *columns],
            [
                [
                    text,
                    formatting.count(speed.lateness[part].count),
                    *_percentiles(speed.lateness[part]),
                ]
                for part, text in _PARTS.items()
                if part in speed.lateness
            ],
        ),
    ]


def _percentiles(summary: Percentiles) -> list[str]:
    return [formatting.percentile(summary, key) for key in PERCENTILES]


def in_order(phases: Any) -> list[str]:
    """Phases in the order of a round, those that this version does not know at the end."""
    return [*(name for name in PHASES if name in phases), *(p for p in phases if p not in PHASES)]


def _hours(rows: list[AppointmentRow], note: ClockNote) -> list[Table]:
    """Lanes by phase: how many appointments were due, in at most twelve rows."""
    if not rows:
        return []
    width_h = max(ceil(note.hours / MOST_ROWS), 1)
    found, summaries = lanes(rows, width_h), by_slot(rows, width_h)
    phases = in_order(found)
    columns = ["From", *map(formatting.spaced, phases), "response p95"]
    cells = [
        [
            shown_hour(slot * width_h),
            *(_lane(found[phase].get(slot)) for phase in phases),
            formatting.percentile(msgspec.convert(summary, Percentiles), "p95_ms"),
        ]
        for slot, summary in summaries.items()
    ]
    return [Table(columns, cells)]


def _lane(counted: LaneCount | None) -> str:
    if counted is None:
        return ""
    lacking = f" ({counted.not_done} not done)" if counted.not_done else ""
    return f"{counted.offered:,}{lacking}"


def _ages(document: RunDocument) -> list[Table]:
    """Whether a query still gets the same after hours, and after a day."""
    ages = figures(document, "determinism").get("by_age") or []
    rows = [
        [f"{one['hours']}", formatting.count(one["pairs"]), formatting.score(one["mean_jaccard"])]
        for one in ages
    ]
    columns = ["Reissues, hours after their baseline", "pairs", "determinism"]
    return [Table(columns, rows)] if rows else []
