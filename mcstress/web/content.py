"""What the page shows beside its plots: where the run stands, its answers, tables and reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from mcstress.evidence.report import formatting
from mcstress.evidence.report.examples import groups
from mcstress.evidence.report.glossary import Glossary
from mcstress.evidence.report.head import Mark
from mcstress.evidence.report.readings import Reading, verdict
from mcstress.evidence.report.section import Link, Section, Table
from mcstress.evidence.report.view import View, view
from mcstress.evidence.report.writers import Form, forms
from mcstress.evidence.run_document import RunDocument
from mcstress.master.report_place import FinishedRun
from mcstress.metrics.number_format import shown_hour
from mcstress.services.steady_clock import CLOCK
from mcstress.snapshots import Snapshot
from mcstress.web.series import all_series

SECTIONS = (
    "checks",
    "relevance",
    "diversity",
    "determinism",
    "learning",
    "freshness",
    "swap_and_inbox",
    "against_rest",
    "further",
    "arrivals",
    "clock",
    "latency",
    "availability",
    "errors",
    "completeness",
)
"""The sections of the report that the page has too; plots show the others."""

FACTS = ("Scenario", "Ran", "Services", "Evidence", "Traces")

Content = dict[str, Any]


def content(snapshot: Snapshot, finished: Sequence[FinishedRun]) -> Content:
    """All that the page needs, as JSON takes it; texts are texts, and nothing in it is markup."""
    document = snapshot.document
    seen = view(document) if document else None
    going_on = snapshot.stage in ("running", "ending")
    sections = (
        [one for one in seen.sections if one.is_shown and one.key in SECTIONS] if seen else []
    )
    return {
        "stage": snapshot.stage,
        "headline": _headline(snapshot, seen),
        "verdict": _cell(seen.verdict) if seen and snapshot.stage == "finished" else None,
        "marks": [_mark(one) for one in seen.marks] if seen else [],
        "cards": [_card(section) for section in seen.questions] if seen else [],
        "facts": _facts(seen) if seen else [],
        "sections": [_section(one) for one in sections],
        "examples": msgspec.to_builtins(groups(document)) if document else [],
        "series": all_series(document or RunDocument(), going_on=going_on),
        "reports": [_report(run) for run in reversed(finished)],
        "words": _words(document, sections) if document else [],
    }


def _headline(snapshot: Snapshot, seen: View | None) -> str:
    if seen is None or snapshot.document is None:
        return "No run yet. Start one in Locust; this page updates by itself."
    name = f"Run {seen.run.run_id}"
    if snapshot.stage == "finished":
        return f"{name}, {seen.verdict_words}"
    if snapshot.stage == "ending":
        return f"{name} is ending: workers send their last figures, then the report is written"
    events = formatting.count(snapshot.document.figure("events.total"))
    began = seen.run.started
    lasted = formatting.duration(CLOCK.now_s() - began.timestamp() if began else 0.0)
    return f"{name}, running for {lasted}{_time_of_day(seen)}: {events} events so far"


def _time_of_day(seen: View) -> str:
    """``, day 2, 09:12`` by the scenario's clock; nothing without one, or before it begins."""
    note = seen.run.clock
    hour = note.hour_of(CLOCK.now_s()) if note else None
    if not note or hour is None or hour < 0:
        return ""
    return f", {shown_hour(min(hour, note.hours))} of the clock"


def _facts(seen: View) -> list[dict[str, Any]]:
    return [
        {"name": fact.name, "parts": [_cell(part) for part in fact.parts]}
        for fact in seen.facts
        if fact.name in FACTS
    ]


def _mark(mark: Mark) -> Content:
    return {
        "question": mark.name,
        "value": str(mark.value),
        "interval": "",
        "below": _cell(mark.said),
    }


def _card(section: Section) -> Content:
    assert section.headline is not None
    return {
        "question": section.question,
        "value": section.headline.value,
        "interval": section.headline.interval,
        "below": _cell(section.answer or section.headline.label),
    }


def _section(section: Section) -> Content:
    return {
        "key": section.key,
        "title": section.title,
        "question": section.question,
        "answer": _cell(section.answer) if section.answer else None,
        "lead": section.lead,
        "tables": [_table(table) for table in section.tables],
        "notes": section.notes,
    }


def _words(document: RunDocument, sections: Sequence[Section]) -> list[dict[str, str]]:
    """Those that the sections use and not every reader knows, each explained as in the report."""
    glossary, told = Glossary(document.words), set[str]()
    for section in sections:
        for text in _texts(section):
            glossary.linked(text, told)
    return [{"name": word.forms[0], "meaning": glossary.meaning(word)} for word in glossary.used]


def _texts(section: Section) -> Iterator[str]:
    """What it says in words."""
    yield from (section.title, section.question, section.lead, *section.notes)
    if section.answer:
        yield section.answer.words
    for table in section.tables:
        yield from table.columns
        for row in table.rows:
            yield from (_cell(cell)["text"] for cell in row if isinstance(cell, str | Reading))


def _table(table: Table) -> Content:
    return {
        "columns": table.columns,
        "numeric": table.numeric,
        "rows": [[_cell(cell) for cell in row] for row in table.rows],
    }


def _cell(cell: object) -> dict[str, str]:
    """``text``, with the ``tone`` of a reading, or the ``href`` of a link."""
    if isinstance(cell, Reading):
        return {"text": cell.words, "tone": cell.tone}
    if isinstance(cell, Link):
        return {"text": str(cell), "href": str(cell)}
    return {"text": str(cell)}


def _report(run: FinishedRun) -> Content:
    label = run.paths.run_id
    return {
        "id": label,
        "verdict": _cell(verdict(run.verdict, is_settled=run.is_settled)),
        "files": [
            {"title": form.title, "href": f"reports/{label}.{ending}"}
            for ending, form in sorted(forms().items(), key=_place)
            if run.paths.report(ending).exists()
        ],
    }


def _place(form: tuple[str, Form]) -> bool:
    """What a browser shows best comes first, the others as they stand."""
    return form[1].mimetype != "text/html"
