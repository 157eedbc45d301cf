"""A report as its readers see it, before it is Markdown or HTML."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from mcstress.evidence.document_parts import RunSection
from mcstress.evidence.report import formatting, readings
from mcstress.evidence.report.head import Mark, marks
from mcstress.evidence.report.section import Beside, Link, Section, Verbatim, figures
from mcstress.evidence.report.sections import (
    capture,
    checks_and_completeness,
    load,
    not_covered,
    over_time,
    quality,
    speed,
)
from mcstress.evidence.report.sections.arrivals import arrivals
from mcstress.evidence.report.sections.checks_and_completeness import target
from mcstress.evidence.report.sections.clock import clock
from mcstress.evidence.report.sections.messages import swap_and_inbox
from mcstress.evidence.report.sections.relevance import against_rest, relevance
from mcstress.evidence.report.verdict_line import verdict_words
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.phase import PHASES

_COORDINATORS_NAMED = 6
BUILT_IN = "built-in test server (not your system)"


class Fact(msgspec.Struct, frozen=True):
    """A line at the top of a report; each part is text, Verbatim where others chose it."""

    name: str
    parts: list[str]


class View(msgspec.Struct):
    """Title, verdict, what must be known beside it, facts, and the sections in their order."""

    title: str
    verdict: readings.Reading
    verdict_words: str
    marks: list[Mark]
    facts: list[Fact]
    sections: list[Section]
    run: RunSection

    @property
    def questions(self) -> list[Section]:
        """The sections that answer a question with a figure, but for those that a mark has."""
        marked = {mark.section for mark in self.marks}
        return [one for one in self.sections if one.headline and one.key not in marked]


def view(document: RunDocument, generated: datetime | None = None) -> View:
    """The view of a document's head; ``generated`` is now unless told."""
    run = document.run
    return View(
        title=f"Multi-Coordinator Stress Test — Run {run.run_id}",
        verdict=readings.verdict_of(document),
        verdict_words=verdict_words(document),
        marks=marks(document),
        facts=_facts(document, generated or datetime.now(UTC)),
        sections=[
            target(run, document.words),
            checks_and_completeness.checks(document),
            *_of_chosen_phases(document),
            *against_rest(document),
            *quality.further(document),
            *arrivals(document),
            *clock(document),
            speed.latency(document),
            load.load(document),
            *over_time.over_time(document),
            *over_time.availability(document),
            speed.errors(document),
            checks_and_completeness.completeness(document),
            not_covered.not_covered(document),
            capture.capture(document),
        ],
        run=run,
    )


_QUALITY: dict[Callable[[RunDocument], Section], tuple[str, ...]] = {
    relevance: ("baseline",),
    quality.diversity: ("baseline",),
    quality.determinism: ("reissue",),
    quality.learning: ("handover", "handover_paraphrase"),
    quality.freshness: ("fresh_resume",),
    swap_and_inbox: ("swap", "inbox"),
}
"""The sections on quality, and the phases that they come from."""


def _of_chosen_phases(document: RunDocument) -> list[Section]:
    """Those that have something to say: of a phase that was not chosen there is nothing."""
    chosen = document.run.phases or [*PHASES]
    return [made(document) for made, of in _QUALITY.items() if not set(of).isdisjoint(chosen)]


def _facts(document: RunDocument, generated: datetime) -> list[Fact]:
    run, events = document.run, figures(document, "events").get("total")
    nouns = document.words
    facts = [
        Fact("Generated", [f"{generated:%Y-%m-%d %H:%M:%S} UTC"]),
        Fact("Scenario", _scenario(document)),
        Fact("Ran", _ran(run)),
        Fact(nouns.fill("{Coordinators}"), _coordinators(run)),
        Fact(nouns.fill("{Contracts}"), _contracts(document)),
        Fact("Corpora", _corpora(run)),
        Fact("K", [str(run.k)]),
        Fact("Seed", [str(run.seed)]),
        Fact("Rounds", [str(run.rounds or "until stopped")]),
        Fact("Services", _services(run)),
        Fact("Events captured", [formatting.count(events)]),
        Fact("Evidence", [Beside(run.evidence_path)]),
        Fact("Run UID", [Verbatim(run.run_uid)]),
        Fact("Traces", [Link(run.session_link)]),
    ]
    return [fact for fact in facts if any(fact.parts)]


def _ran(run: RunSection) -> list[str]:
    if run.started is None:
        return []
    told = f"{run.started:%Y-%m-%d %H:%M:%S} UTC"
    if run.ended is not None:
        told += f" for {formatting.duration((run.ended - run.started).total_seconds())}"
    if run.mode:
        told += f", {run.mode}"
    if run.workers > 1:
        told += f" with {run.workers} workers"
    return [f"{told}, ended: {run.stopped_by}" if run.stopped_by else told]


def _coordinators(run: RunSection) -> list[str]:
    parts: list[str] = []
    for one in run.coordinators[:_COORDINATORS_NAMED]:
        parts += [", " if parts else "", Verbatim(one.name), " in ", Verbatim(one.namespace)]
    if len(run.coordinators) > _COORDINATORS_NAMED:
        parts.append(" and more")
    return [*parts, f"; {formatting.plural(run.peak_users, 'user')} at most"]


def _scenario(document: RunDocument) -> list[str]:
    asked = document.asked
    if not asked.title:
        return [Verbatim(asked.name)]
    return [Verbatim(asked.title), " (", Verbatim(asked.name), ")"]


def _contracts(document: RunDocument) -> list[str]:
    return _joined([contract.name for contract in document.asked.contracts])


def _corpora(run: RunSection) -> list[str]:
    parts: list[str] = []
    for name, size in run.corpora.items():
        parts += [", " if parts else "", Verbatim(name), f" ({size:,})"]
    return parts


def _services(run: RunSection) -> list[str]:
    parts: list[str] = []
    for service in run.services:
        parts += ["; " if parts else "", Verbatim(service.name), ": "]
        parts.append(BUILT_IN if service.embedded else Verbatim(service.url))
        parts += [" (", Verbatim(service.note), ")"] if service.note else []
    return parts


def _joined(names: list[str]) -> list[str]:
    parts: list[str] = []
    for name in names:
        parts += [", " if parts else "", Verbatim(name)]
    return parts
