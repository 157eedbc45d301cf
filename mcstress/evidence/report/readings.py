"""What a figure means, as metrics/ says it in the document's ``readings``, and how good that is.

Readings help to read; they decide nothing. What decides are the checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from mcstress.evidence.report import formatting
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.intervals import ALPHA
from mcstress.metrics.metric import OPERATORS
from mcstress.metrics.names import METRICS

Tone = Literal["good", "held", "fair", "bad", "none"]
"""``held``: good as far as was seen, of a figure that has no interval. It is not shown in green."""

SIGNS: dict[Tone, str] = {"good": "✓", "held": "○", "fair": "≈", "bad": "✗", "none": "–"}  # noqa: RUF001
"""What stands before a reading, for those who do not see its colour."""

_TONES: dict[str, Tone] = {
    "healthy": "good",
    "acceptable": "fair",
    "high": "fair",
    "unknown": "none",
}
_SIGNS = {">=": "≥", "<=": "≤", "==": "="}
NO_BREAK = "\u00a0"
_ORDER: tuple[Tone, ...] = ("bad", "fair", "none", "held", "good")


class Reading(msgspec.Struct, frozen=True):
    """A few words, and how good they are."""

    words: str
    tone: Tone


def reading(document: RunDocument, name: str) -> Reading:
    """The reading of the figure at ``name``."""
    found = document.readings.get(name)
    if found is None:
        return Reading("no reading", "none")
    for check in document.checks:
        if check.metric == name and check.verdict == "unknown" and found.word != "unknown":
            return Reading(f"unknown: {check.reason}", "none")
    if found.word == "healthy" and not _is_certain(document, name):
        return Reading(f"{found.word}, not certain: {found.meaning}", "fair")
    tone = _TONES.get(found.word, "bad")
    if tone == "good" and _ends(document, name) is None:
        return Reading(
            f"{found.word} as far as seen{_seen(document, name)}: {found.meaning}", "held"
        )
    return Reading(f"{found.word}: {found.meaning}", tone)


def _seen(document: RunDocument, name: str) -> str:
    """`` (n = 24)``, of how many samples a figure without an interval speaks."""
    samples = document.figure(METRICS[name].samples)
    return f" (n = {samples:,})" if samples else ""


def _is_certain(document: RunDocument, name: str) -> bool:
    """Whether the figure's whole interval is healthy, and no check of it is left unsettled.

    A figure without an interval says what was seen, and nothing of what was not.
    """
    if any(one.metric == name and one.crosses for one in document.checks):
        return False
    ci95 = _ends(document, name)
    healthy_range = METRICS[name].ranges[0]
    holds = OPERATORS[healthy_range.operator]
    return ci95 is None or all(holds(end, healthy_range.limit) for end in ci95)


def _ends(document: RunDocument, name: str) -> Sequence[float] | None:
    """The ends of a figure's interval; None where it has none."""
    metric = METRICS[name]
    ci95: Sequence[float] | None = document.figure(metric.interval) if metric.interval else None
    return ci95


def healthy(document: RunDocument, name: str) -> str:
    """``(healthy < 0.3)``, in one piece; empty where the figure has no range."""
    found = document.readings.get(name)
    if found is None:
        return ""
    return f" (healthy {_limit(found.healthy)})".replace(" ", NO_BREAK).replace(NO_BREAK, " ", 1)


def scale(document: RunDocument, name: str, what: str) -> str:
    """All ranges of the figure at ``name``, and what a value in each of them suggests.

    ``what`` is how the report calls the figure, at the beginning of a sentence.
    """
    ranges = METRICS[name].ranges
    outer = ranges[-1]
    beyond = "above" if outer.operator.startswith("<") else "below"
    limits = [_limit(f"{one.operator} {one.limit:g}") for one in ranges[:-1]]
    parts = [
        f"{limit} {one.word}{f' ({one.suggests})' if one.suggests else ''}"
        for limit, one in zip([*limits, f"{beyond} {ranges[-2].limit:g}"], ranges, strict=True)
    ]
    return document.words.fill(f"{what}: {'; '.join(parts)}.")


def _limit(text: str) -> str:
    for operator, sign in _SIGNS.items():
        text = text.replace(operator, sign)
    return text


def lift(difference: float | None, p: float | None, questions: int) -> Reading:
    """Whether the memory, and not retrieval, is what finds: by McNemar's test of the lift."""
    if difference is None or p is None:
        return Reading("no control to compare with", "none")
    if p > ALPHA:
        told = f"p = {formatting.p_value(p)}, n = {questions:,}".replace("= <", "<")
        return Reading(f"not enough data to credit the memory ({told})", "fair")
    if difference > 0:
        return Reading("the memory is what finds them", "good")
    return Reading("the memory makes it worse", "bad")


def credited(found: Reading, memory: Reading) -> Reading:
    """``found``, a rate's reading; what is not proven to be the memory's work is not good."""
    if found.tone not in ("good", "held") or memory.tone in ("good", "none"):
        return found
    return Reading(f"{found.words}; {memory.words}", memory.tone)


def verdict(word: str, *, is_settled: bool = True, has_interval: bool = True) -> Reading:
    """A check's or a run's verdict; green is only a pass that is settled, by an interval."""
    tones: dict[str, Tone] = {"pass": "good", "fail": "bad", "unknown": "fair"}
    tone = tones.get(word, "none")
    if tone == "good" and not is_settled:
        tone = "fair"
    elif tone == "good" and not has_interval:
        tone = "held"
    return Reading(word, tone)


def verdict_of(document: RunDocument) -> Reading:
    """The run's verdict: green where each check with an interval is certain, of a real service.

    A pass of the built-in server says nothing of anybody's system.
    """
    is_real = not any(one.embedded for one in document.run.services[:1])
    unsettled = any(check.crosses for check in document.checks)
    return verdict(document.verdict, is_settled=is_real and not unsettled)


def worst(*readings: Reading) -> Reading:
    """The reading that matters most: bad before fair before nothing known before good."""
    return min(readings, key=badness)


def badness(reading: Reading) -> int:
    """Less for what matters more."""
    return _ORDER.index(reading.tone)
