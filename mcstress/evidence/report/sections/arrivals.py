"""The section on a schedule: what was offered and done, and what somebody outside waited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from mcstress.evidence.report import formatting
from mcstress.evidence.report.readings import Reading
from mcstress.evidence.report.section import Headline, Section, Table
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.appointments import AppointmentTotals
from mcstress.metrics.arrivals import ArrivalTotals
from mcstress.metrics.phase import PHASES
from mcstress.metrics.response_time import ALL
from mcstress.metrics.results import LatencySummaries, Percentiles

PERCENTILES = {"p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99", "max_ms": "max"}
_BESIDE = ["p50_ms", "p95_ms", "p99_ms"]
_FATES = {
    "offered": "offered by the schedule until the end",
    "begun": "begun, each one event",
    "missed": "missed: no user took them within --max-wait",
    "cut": "cut: they waited when the run ended",
    "unknown": "unknown: of a lost worker that did not say",
}
_PARTS = {
    "generator": "for the load generator, a user being idle",
    "queue": "for a user, all of the process being busy",
    "own_cap": "for an LLM slot, within the event",
}
_OWN_CAP = 0.05
"""Of the median response of a phase that asks an LLM: beyond it the wait for a slot is said."""
_MEANING = (
    "Response: from the time that the schedule meant to the event's end, which is what somebody "
    "outside waits. What was missed or cut counts as slower than all that ended: > is the least "
    "that a percentile among those can be."
)


def arrivals(document: RunDocument) -> list[Section]:
    """Offered against done, response beside service time, lateness; none without a schedule."""
    totals = document.completeness.arrivals
    if totals is UNSET:
        return []
    speed = document.speed
    section = Section(
        key="arrivals",
        title="Offered and done",
        question="Was what was offered done?",
        answer=was_it_done(totals, "arrivals", "nothing waited too long"),
        headline=response_headline(speed),
        tables=[
            Table(["Arrivals", "Count"], fate_rows(totals, _FATES)),
            Table(
                ["Response beside the services' time, ms", "count"]
                + [f"response {PERCENTILES[key]}" for key in _BESIDE]
                + [f"services {PERCENTILES[key]}" for key in _BESIDE],
                _beside(speed),
            ),
            Table(["Wait, ms", "count", *PERCENTILES.values()], _waits(speed)),
        ],
        notes=[_MEANING, *_own_cap(document), *_starved(document)],
    )
    return [section]


def was_it_done(totals: ArrivalTotals | AppointmentTotals, things: str, yes: str) -> Reading:
    """Whether ``things`` that were due were done; ``yes``: what that says."""
    if totals.unknown:
        return Reading(f"not known: of {totals.unknown:,} {things} nobody said", "none")
    if totals.missed:
        return Reading(f"no: {formatting.of(totals.missed, totals.offered)} were missed", "bad")
    return Reading(f"yes: {yes}", "good")


def response_headline(speed: LatencySummaries) -> Headline | None:
    """The highest percentile of all responses that is known, p95 or else the median, in ms."""
    summary = speed.responses.get(ALL)
    if summary is None:
        return None
    key = "p95_ms" if summary.p95_ms or "p95_ms" in summary.at_least_ms else "p50_ms"
    value = formatting.percentile(summary, key)
    unit = "" if key in summary.at_least_ms else " ms"
    return Headline(f"{value}{unit}", label=f"{PERCENTILES[key]} of the response")


def fate_rows(
    totals: ArrivalTotals | AppointmentTotals, texts: Mapping[str, str]
) -> list[list[Any]]:
    """What became of all that was due, a row each; ``texts`` by the field of ``totals``."""
    return [[text, formatting.count(getattr(totals, key))] for key, text in texts.items()]


def _beside(speed: LatencySummaries) -> list[list[Any]]:
    """All, then each phase; the services' time of all is in no figure."""
    named = [ALL, *(name for name in (*PHASES, *speed.responses) if name in speed.responses)]
    return [
        [
            formatting.spaced(name),
            formatting.count(speed.responses[name].count),
            *(formatting.percentile(speed.responses[name], key) for key in _BESIDE),
            *_services(speed.phases_service.get(name)),
        ]
        for name in dict.fromkeys(named)
        if name in speed.responses
    ]


def _services(summary: Percentiles | None) -> list[str]:
    if summary is None:
        return ["" for _ in _BESIDE]
    return [formatting.percentile(summary, key) for key in _BESIDE]


def _waits(speed: LatencySummaries) -> list[list[Any]]:
    return [
        [
            text,
            formatting.count(speed.lateness[part].count),
            *(formatting.percentile(speed.lateness[part], key) for key in PERCENTILES),
        ]
        for part, text in _PARTS.items()
        if part in speed.lateness
    ]


def _own_cap(document: RunDocument) -> list[str]:
    """A sentence where waits for LLM slots are much of what an inbox message takes."""
    speed = document.speed
    inbox, waits = speed.responses.get("inbox"), speed.queue.values()
    longest_ms = max((waited.p50_ms or 0.0 for waited in waits), default=0.0)
    if inbox is None or not inbox.p50_ms or longest_ms <= _OWN_CAP * inbox.p50_ms:
        return []
    allowed = document.run.settings.get("llm_parallel")
    waited, whole = formatting.milliseconds(longest_ms), formatting.milliseconds(inbox.p50_ms)
    note = (
        f"--llm-parallel {allowed} limits this: an LLM step waited {waited} ms for a slot "
        f"(median), of a response of {whole} ms."
    )
    return [note]


def _starved(document: RunDocument) -> list[str]:
    """What of the waits is not attributable, for the process itself was late."""
    watched, saturated = (kept := document.completeness).seconds_watched, kept.seconds_saturated
    if not saturated:
        return []
    note = (
        f"Not attributable: in {formatting.of(saturated, watched)} seconds the load generator did "
        "not keep up itself (its own timer was late by more than 5 ms, or it took over 90 % of a "
        "core). What waited for a user then may have waited for the generator."
    )
    return [note]
