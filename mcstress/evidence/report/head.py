"""What a report says first, below the verdict: what was tested, what failed, load and speed.

The same marks stand in the HTML, the Markdown, on the live page and at the end of a run.
"""

from __future__ import annotations

from typing import Any

import msgspec

from mcstress.evidence.document_parts import RunSection
from mcstress.evidence.report import formatting
from mcstress.evidence.report.readings import Reading, reading
from mcstress.evidence.report.section import Verbatim, figures
from mcstress.evidence.report.sections.arrivals import response_headline as response
from mcstress.evidence.report.sections.speed import headline as speed
from mcstress.evidence.report.sections.speed import speed_is_judged
from mcstress.evidence.report.verdict_line import GATEWAY
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.availability import LLM, SHORTEST_S
from mcstress.metrics.load_curve import pace
from mcstress.metrics.metric import UNSENT_STEPS
from mcstress.metrics.names import METRICS
from mcstress.metrics.results import FigureSection

_NOT_JUDGED = "not judged: no check asks for speed"
LONGEST_SILENCE = "availability.longest_silence_s"
BUILT_IN = "the built-in test server, not your system"
SHOWN_MARKS = ("Tested", "Failed steps", "Silences", "Load", "Speed")


class Mark(msgspec.Struct, frozen=True):
    """One of SHOWN_MARKS: ``value`` (Verbatim where others chose it), and what is to say of it.

    ``section``: the key of the section that has more of it; empty for none.
    """

    name: str
    value: str
    said: Reading | str
    section: str = ""


def marks(document: RunDocument) -> list[Mark]:
    """All that the document has something for, in the order of SHOWN_MARKS."""
    found = (_tested(document.run), _failed(document), _silences(document), _load(document))
    return [mark for mark in (*found, _speed(document)) if mark is not None]


def in_a_line(mark: Mark) -> str:
    """``Tested: the built-in test server, not your system``, for a terminal."""
    said = mark.said.words if isinstance(mark.said, Reading) else mark.said
    return f"{mark.name}: {mark.value}" + (f" ({said})" if said else "")


def _tested(run: RunSection) -> Mark | None:
    """A built-in server in words that nobody overlooks; what is another's by its address."""
    if not run.services:
        return None
    target, *others = run.services
    is_whole = all(one.embedded for one in run.services)
    if target.embedded:
        said = "it says nothing about yours" if is_whole else "only the rest is real"
        return Mark("Tested", BUILT_IN, Reading(said, "fair"), "not_covered")
    built_in = [one.name for one in others if one.embedded]
    said = f"{formatting.sentence_list(built_in)}: built-in" if built_in else ""
    tone = Reading(said, "fair") if built_in else said
    name = "" if target.name == GATEWAY else f"{target.name} "
    return Mark("Tested", Verbatim(f"{name}{target.url}".strip()), tone, "not_covered")


def _failed(document: RunDocument) -> Mark | None:
    figure = figures(document, "errors")
    if not figure.get("steps"):
        return None
    value = f"{formatting.count(figure['failed'])} of {formatting.count(figure['steps'])}"
    said = Reading(formatting.percent(figure["rate"]), reading(document, "errors.rate").tone)
    if unsent := document.faults.get(UNSENT_STEPS):
        said = Reading(f"and {unsent:,} that the load generator could not send", "bad")
    return Mark("Failed steps", value, said, "errors")


def _silences(document: RunDocument) -> Mark | None:
    """Of both services together: who looks at the head wants to know whether there was any."""
    gateway = figures(document, "availability")
    both: list[FigureSection] = [
        one
        for one in (gateway, *([gateway[LLM]] if LLM in gateway else []))
        if one.get("rate") is not None
    ]
    if not both:
        return None
    number = sum(one["silence_count"] for one in both)
    if not number:
        told = "something succeeded all the time"
        if (paused_s := gateway.get("paused_s", 0.0)) >= SHORTEST_S:
            told += f" but for {paused_s:.1f} s, in which the load generator itself stood still"
        return Mark("Silences", "none", told, "availability")
    longest_s = max(one["longest_silence_s"] for one in both)
    told = f"the longest {longest_s:.1f} s"
    is_healthy = longest_s <= METRICS[LONGEST_SILENCE].ranges[0].limit
    said = Reading(told, "fair" if is_healthy else "bad")
    return Mark("Silences", formatting.count(number), said, "availability")


def _load(document: RunDocument) -> Mark | None:
    """The capacity where it was looked for, else what was offered, else users and steps."""
    if document.trials:
        return _capacity(figures(document, "capacity"))
    users = formatting.plural(document.run.peak_users, "user")
    paces: list[Any] = [pace(slot.steps, slot.seconds) for slot in document.timeline.slots]
    most = max((one for one in paces if one is not None), default=None)
    totals = document.completeness.arrivals
    if totals and document.offered:
        per_s = max(one.rate_per_s for one in document.offered)
        begun = f"{formatting.of(totals.begun, totals.offered)} arrivals were begun, by {users}"
        said = Reading(begun, "bad" if totals.missed else "none")
        return Mark("Load", f"{formatting.per_second(per_s)}/s offered at most", said, "arrivals")
    if not document.run.peak_users:
        return None
    said_of = f"{formatting.per_second(most)} steps a second in the busiest moment" if most else ""
    return Mark("Load", f"{users} at most", said_of, "load_curve")


def _capacity(figure: FigureSection) -> Mark | None:
    per_s = figure.get("events_per_s")
    if per_s is not None:
        value, said = f"{formatting.per_second(per_s)}/s", "the capacity: every check held"
    elif least := (figure.get("at_least") or {}).get("events_per_s"):
        value, said = f"{formatting.per_second(least)}/s", "the capacity is at least that"
    else:
        value, said = formatting.NONE, "the capacity was not found"
    return Mark("Load", value, said, "load_curve")


def _speed(document: RunDocument) -> Mark | None:
    """The response that somebody outside waits, where there was a schedule; else the searches'."""
    outside = response(document.speed)
    found = outside or speed(document.speed)
    if found is None:
        return None
    section = "arrivals" if outside else "latency"
    if speed_is_judged(document):
        return Mark("Speed", found.value, found.label, section)
    return Mark("Speed", found.value, Reading(f"{found.label}, {_NOT_JUDGED}", "none"), section)
