"""Sections on time: whether something answered all the time, and the run in at most twelve rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mcstress.evidence.report import formatting
from mcstress.evidence.report.readings import reading
from mcstress.evidence.report.section import Section, Table, figures
from mcstress.evidence.report.sections.load import SEARCH
from mcstress.evidence.report.sections.speed import spikes
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.availability import LLM, PAUSES_KEPT, SHORTEST_S, Silence
from mcstress.metrics.event import utc
from mcstress.metrics.load_curve import pace
from mcstress.metrics.number_format import shown_hour
from mcstress.metrics.phase import PHASES
from mcstress.metrics.results import FigureSection, SlotLatency, TimelineSlot

_COLUMNS = ["Service", "Available", "Longest silence s", "Silences", "Silent s", "Asked s"]
_AXIS = ["From", "Users", "Steps/s", "Failed", "Search p95 ms", "Determinism"]
_NAMED = 5
_MEANING = (
    "A silence: requests were in flight or failed for 1 s or more, and none succeeded. A success "
    "that took longer than {cap_s:.3g} s vouches for the moment of its end only."
)


def availability(document: RunDocument) -> list[Section]:
    """Each service's availability, and when nothing succeeded; none where that is not known."""
    gateway = figures(document, "availability")
    found = {"gateway": gateway, "LLM": _beside(gateway)}
    asked = {
        name: figure
        for name, figure in found.items()
        if "rate" in figure and figure["rate"] is not None
    }
    notes = [note for name, figure in asked.items() for note in _silences(name, figure)]
    if not asked:
        return []
    one = next(iter(asked.values()))
    notes += [_measured(one), *_paused(document, one.get("paused_s", 0.0)), *_clocks(document)]
    notes.append(_MEANING.format(cap_s=one["cap_s"]))
    section = Section(
        key="availability",
        title="Availability",
        question="Did it answer all the time?",
        answer=reading(document, "availability.longest_silence_s"),
        tables=[Table(_COLUMNS, [_row(*one) for one in asked.items()])],
        notes=notes,
    )
    return [section]


def _beside(gateway: FigureSection) -> FigureSection:
    """The LLM's, where it was asked anything."""
    if LLM not in gateway:
        return {}
    llm: FigureSection = gateway[LLM]
    return llm


def _row(name: str, figure: FigureSection) -> list[Any]:
    return [
        name,
        formatting.percent(figure["rate"]),
        _seconds(figure["longest_silence_s"]),
        formatting.count(figure["silence_count"]),
        _seconds(figure["silent_s"]),
        _seconds(figure["slots"] * figure["slot_s"]),
    ]


def _seconds(value: float) -> str:
    return f"{value:,.1f}"


def _silences(name: str, figure: FigureSection) -> list[str]:
    told = [
        f"The {name}: nothing succeeded from {utc(one['begin']):%H:%M:%S} UTC "
        f"for {one['seconds']:.1f} s."
        for one in figure["silences"][:_NAMED]
    ]
    if more := figure["silence_count"] - len(told):
        told.append(
            f"The {name} was silent {formatting.plural(more, 'more time')}; the JSON has them."
        )
    return told


def _measured(figure: FigureSection) -> str:
    return (
        f"Measured over {formatting.duration(figure['measured_s'])}, in slots of "
        f"{figure['slot_s'] * 1000:.0f} ms."
    )


def _paused(document: RunDocument, paused_s: float) -> list[str]:
    """When the load generator itself stood still; shorter pauses make no silence."""
    pauses = [one for worker in document.completeness.workers for one in worker.pauses]
    if not pauses or paused_s < SHORTEST_S:
        return []
    longest = max(pauses, key=lambda pause: pause.seconds)
    told = (
        f"Left out: {paused_s:.1f} s, in which the load generator itself stood still, longest from "
        f"{utc(longest.begin):%H:%M:%S} UTC for {longest.seconds:.1f} s. Latencies of what was on "
        "its way then include it."
    )
    for worker in document.completeness.workers:
        if len(worker.pauses) >= PAUSES_KEPT:
            told += f" Of {worker.name} only the {PAUSES_KEPT} longest pauses are left out."
    return [told]


def _clocks(document: RunDocument) -> list[str]:
    """How far the workers' clocks were from the master's; nothing where all is one process."""
    told = [
        f"{one.name} by {formatting.signed(one.clock_offset_s)} s, "
        f"known to {one.clock_error_s:.3f} s"
        for one in document.completeness.workers
        if one.clock_offset_s is not None and one.clock_error_s is not None
    ]
    if not told:
        return []
    return [f"Times are the master's clock's. It is ahead of that of {'; of '.join(told)}."]


def over_time(document: RunDocument) -> list[Section]:
    """The run in at most twelve rows; none where nothing began."""
    timeline = document.time_axis
    silences = document.silences
    columns = [*_AXIS, "Silent s"] if silences else _AXIS
    rows = [
        [_from(slot, document), *_slot(slot, timeline.slot_s, silences)] for slot in timeline.slots
    ]
    clock = "the scenario's" if document.run.clock else "UTC"
    notes = [
        f"Times are {clock}; a row is what began within {formatting.duration(timeline.slot_s)}.",
        *spikes(document),
    ]
    section = Section(
        key="over_time",
        title="Over time",
        question="When was it bad?",
        tables=[Table(columns, rows), *_not_whole(document)],
        notes=notes,
    )
    return [section] if rows else []


def _not_whole(document: RunDocument) -> list[Table]:
    """Events by phase, and how many were not whole; none where all were."""
    events: Counter[str] = Counter()
    not_ok: Counter[str] = Counter()
    for slot in document.timeline.slots:
        for name, phase in slot.phases.items():
            events[name] += phase.events
            not_ok[name] += phase.not_ok
    if not not_ok.total():
        return []
    rows: list[list[Any]] = [
        [
            document.words.phase(name),
            formatting.count(events[name]),
            formatting.count(not_ok[name]),
            formatting.percent(not_ok[name] / events[name]),
        ]
        for name in dict.fromkeys((*PHASES, *sorted(events)))
        if events[name]
    ]
    return [Table(["Phase", "Events", "Events not whole", "Share"], rows)]


def _from(slot: TimelineSlot, document: RunDocument) -> str:
    """When a slot began, by the scenario's clock where there is one."""
    note = document.run.clock
    if not note:
        started = document.run.started
        begin = slot.time if started is None else max(slot.time, started.timestamp())
        return f"{utc(begin):%H:%M:%S}"
    hour = note.hour_of(slot.time)
    return "before hour 0" if hour is None or hour < 0 else shown_hour(hour)


def _slot(slot: TimelineSlot, width_s: int, silences: list[Silence]) -> list[str]:
    search = slot.latency.get(SEARCH, SlotLatency())
    row = [
        formatting.NONE if slot.users is None else f"{slot.users:,.3g}",
        formatting.per_second(pace(slot.steps, slot.seconds)),
        formatting.count(slot.failed),
        formatting.milliseconds(search.p95_ms),
        formatting.score(slot.determinism.mean_jaccard),
    ]
    return [*row, _seconds(_silent_s(slot.time, width_s, silences))] if silences else row


def _silent_s(begin: float, width_s: float, silences: list[Silence]) -> float:
    """How long of a slot was silent."""
    ends = ((max(one.begin, begin), min(one.end, begin + width_s)) for one in silences)
    return sum(max(0.0, end - first) for first, end in ends)
