"""The section on rejected lists, and on messages and what the LLM made of them."""

from __future__ import annotations

from typing import Any

from mcstress.evidence.report import readings, words
from mcstress.evidence.report.readings import healthy, reading
from mcstress.evidence.report.section import Section, Table, figures
from mcstress.evidence.report.sections.quality import rate
from mcstress.evidence.report.sections.speed import reason_table, rest_note
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.metric import NOT_MEASURED
from mcstress.metrics.results import FigureSection
from mcstress.metrics.shown import shown


def swap_and_inbox(document: RunDocument) -> Section:
    """What became of rejected lists and of messages."""
    phases = document.run.phases
    rows = _swaps(document) if not phases or "swap" in phases else []
    rows += _messages(document) if not phases or "inbox" in phases else []
    unusable = figures(document, "llm").get("by_reason", [])
    tables = [Table(["Figure", "Value", "Reading"], rows)]
    return Section(
        key="swap_and_inbox",
        title="Swap and inbox",
        tables=[*tables, reason_table(unusable, _UNUSABLE)] if unusable else tables,
        notes=rest_note(unusable, "answer"),
    )


def _swaps(document: RunDocument) -> list[list[Any]]:
    swap = figures(document, "swap")
    rejected = document.words.fill("rejected {items} that came back") + healthy(
        document, "swap.returned"
    )
    return [
        [rejected, words.count(swap.get("returned")), reading(document, "swap.returned")],
        ["Jaccard with the rejected list", words.score(swap.get("mean_jaccard")), ""],
        ["swaps completed", words.of(swap.get("swaps"), swap.get("planned")), ""],
    ]


def _messages(document: RunDocument) -> list[list[Any]]:
    inbox = figures(document, "inbox")
    return [
        ["messages accepted", words.of(inbox.get("accepted"), inbox.get("planned")), ""],
        *_understanding(document, inbox),
    ]


def _understanding(document: RunDocument, inbox: FigureSection) -> list[list[Any]]:
    """What the LLM made of messages and hits: how much could be used, and whether it was right."""
    parsed, fields, rated = "inbox.parsed_rate", "inbox.parse_accuracy", "inbox.rated_rate"
    mean = "inbox.mean_rating"
    return [
        [
            "demands parsed" + healthy(document, parsed),
            rate(inbox, "parsed", "parses", "parsed_rate", "parsed_ci95"),
            _with(reading(document, parsed), _unparseable(inbox)),
        ],
        [
            "expected fields that came" + healthy(document, fields),
            rate(inbox, "came_fields", "expected_fields", "parse_accuracy", "accuracy_ci95"),
            _with(reading(document, fields), _by_field(inbox)),
        ],
        [
            "hits rated" + healthy(document, rated),
            rate(inbox, "rated", "judged", "rated_rate", "rated_ci95"),
            _with(_of_rating(document, rated), _unrated(inbox)),
        ],
        [
            "judge's mean rating, 1 to 5" + healthy(document, mean),
            _rating(inbox),
            _with(_of_rating(document, mean), _ratings(inbox)),
        ],
    ]


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
        f"{name} {words.of(field['came'], field['expected'])}"
        for name, field in inbox.get("fields", {}).items()
        if field["came"] < field["expected"]
    ]
    return words.sentence_list(missed) if missed else ""


_UNUSABLE = "Why the LLM's answer could not be used"


def _unparseable(inbox: FigureSection) -> str:
    parts = {"unparseable": "unparseable", "parse_failed": "failed"}
    said = [f"{inbox[key]:,} {word}" for key, word in parts.items() if inbox.get(key)]
    return words.sentence_list(said) if said else ""


def _rating(inbox: FigureSection) -> str:
    mean = inbox.get("mean_rating")
    return words.NONE if mean is None else shown(mean, 2)


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
    return words.sentence_list(said) if said else ""
