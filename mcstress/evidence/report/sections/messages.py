"""The section on rejected lists, and on messages and what the LLM made of them."""

from __future__ import annotations

from mcstress.evidence.report import formatting, readings
from mcstress.evidence.report.figure_table import FigureTable, figure_table
from mcstress.evidence.report.readings import reading
from mcstress.evidence.report.section import Section, figures
from mcstress.evidence.report.sections.speed import reason_table, rest_note
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.metric import NOT_MEASURED
from mcstress.metrics.results import FigureSection
from mcstress.metrics.swap import SWAP_AND_INBOX

_FIGURES = FigureTable(SWAP_AND_INBOX, "Figure")


def swap_and_inbox(document: RunDocument) -> Section:
    """What became of rejected lists and of messages."""
    unusable = figures(document, "llm").get("by_reason", [])
    tables = [figure_table(document, _FIGURES, _understanding(document))]
    return Section(
        key="swap_and_inbox",
        title="Swap and inbox",
        tables=[*tables, reason_table(unusable, _UNUSABLE)] if unusable else tables,
        notes=rest_note(unusable, "answer"),
    )


def _understanding(document: RunDocument) -> dict[str, readings.Reading]:
    """What the LLM made of messages and hits, with what it did not: by figure."""
    inbox = figures(document, "inbox")
    parsed, fields, rated = "inbox.parsed_rate", "inbox.parse_accuracy", "inbox.rated_rate"
    mean = "inbox.mean_rating"
    return {
        parsed: _with(reading(document, parsed), _unparseable(inbox)),
        fields: _with(reading(document, fields), _by_field(inbox)),
        rated: _with(_of_rating(document, rated), _unrated(inbox)),
        mean: _with(_of_rating(document, mean), _ratings(inbox)),
    }


def _of_rating(document: RunDocument, name: str) -> readings.Reading:
    """A reading of the ratings, which there may have been no means to give."""
    if reason := figures(document, "inbox").get(NOT_MEASURED):
        return readings.Reading(f"not measured: {reason}", "fair")
    return reading(document, name)


def _with(said: readings.Reading, detail: str) -> readings.Reading:
    return readings.Reading(f"{said.words} ({detail})", said.tone) if detail else said


def _by_field(inbox: FigureSection) -> str:
    """The fields that did not always come."""
    missed = [
        f"{name} {formatting.of(field['came'], field['expected'])}"
        for name, field in inbox.get("fields", {}).items()
        if field["came"] < field["expected"]
    ]
    return formatting.sentence_list(missed) if missed else ""


_UNUSABLE = "Why the LLM's answer could not be used"


def _unparseable(inbox: FigureSection) -> str:
    parts = {"unparseable": "unparseable", "parse_failed": "failed"}
    said = [f"{inbox[key]:,} {word}" for key, word in parts.items() if inbox.get(key)]
    return formatting.sentence_list(said) if said else ""


def _ratings(inbox: FigureSection) -> str:
    if not inbox.get("rated"):
        return ""
    return ", ".join(f"{rating}: {n:,}" for rating, n in inbox["ratings"].items())


def _unrated(inbox: FigureSection) -> str:
    parts = {
        "unrated": "accepted and never rated",
        "unparseable_ratings": "unparseable",
        "declined": "that the built-in rules had no means to rate",
    }
    said = [f"{inbox[key]:,} {word}" for key, word in parts.items() if inbox.get(key)]
    return formatting.sentence_list(said) if said else ""
