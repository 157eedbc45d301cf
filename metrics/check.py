"""A check: text like ``determinism.mean_jaccard >= 0.95``, parsed before a run begins."""

from __future__ import annotations

import re
from difflib import get_close_matches
from math import inf
from typing import Annotated

import msgspec

from mcstress.metrics.metric import (
    BY_CHANCE,
    DIFFERENCE,
    JACCARD,
    OPERATORS,
    PROBABILITY,
    RATE,
    RATING,
)
from mcstress.metrics.names import METRICS
from mcstress.metrics.results import says

_NAME = re.compile(r"\s*([A-Za-z_][\w.]*)")
_OPERATOR = re.compile(r"\s*([<>=!]+)")
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.%])")

SPANS = {
    **dict.fromkeys((RATE, JACCARD, BY_CHANCE, PROBABILITY), (0.0, 1.0)),
    DIFFERENCE: (-1.0, 1.0),
    RATING: (1.0, 5.0),
}
"""The lowest and highest value of a figure, by its unit; of others there is no such end."""


class CheckSyntaxError(ValueError):
    """A check that does not parse; the message has it with a caret under what is wrong."""

    def __init__(self, problem: str, text: str, start: int, length: int, hint: str) -> None:
        caret = " " * start + "^" * max(length, 1)
        super().__init__(f"{problem}\n  {text}\n  {caret}\n{hint}")


class Check(msgspec.Struct, frozen=True):
    """A parsed check."""

    text: Annotated[str, says("as it was asked for")]
    metric: Annotated[str, says("the name of its figure")]
    operator: Annotated[str, says("<, <=, >, >=, == or !=")]
    threshold: Annotated[float, says("what the figure is compared with")]
    needs: Annotated[int, says("with fewer questions (else samples) it is unknown")] = 1


def parse_check(text: str, needs: int = 1) -> Check:
    """The check that ``text`` says: a figure's name, an operator, a number."""
    text = " ".join(text.split())
    named = _NAME.match(text)
    if named is None or named[1] not in METRICS:
        raise _unknown_name(text, named)
    compared = _OPERATOR.match(text, named.end())
    if compared is None or compared[1] not in OPERATORS:
        raise _unexpected(text, named.end(), compared, "one of " + " ".join(OPERATORS))
    number = _NUMBER.match(text, compared.end())
    if number is None:
        raise _unexpected(text, compared.end(), None, "a number, as in 0.95")
    if rest := text[number.end() :].strip():
        expected = "a point in a number, as in 0.95" if rest[0] == "," else "nothing more"
        raise _unexpected(text, number.end(), None, expected)
    low, high = SPANS.get(METRICS[named[1]].unit, (-inf, inf))
    if not low <= float(number[1]) <= high:
        beyond = f"a number that the figure can have, from {low:g} to {high:g}"
        raise _unexpected(text, number.start(1), number, beyond)
    return Check(text, named[1], compared[1], float(number[1]), needs)


def _unknown_name(text: str, named: re.Match[str] | None) -> CheckSyntaxError:
    if named is None:
        return _unexpected(text, 0, None, "the name of a figure, as in determinism.mean_jaccard")
    problem = f'there is no figure "{named[1]}"'
    return CheckSyntaxError(problem, text, named.start(1), len(named[1]), _suggestions(named[1]))


def _suggestions(name: str) -> str:
    """The known names that are near, else those of the section, else the sections."""
    if close := get_close_matches(name, METRICS, n=5, cutoff=0.6):
        return "did you mean " + " or ".join(close) + "?"
    section = name.partition(".")[0]
    sections = sorted({known.partition(".")[0] for known in METRICS})
    if near := get_close_matches(section, sections, n=1):
        known = [name for name in METRICS if name.startswith(f"{near[0]}.")]
        return f"known in {near[0]}: " + ", ".join(known)
    return "known groups: " + ", ".join(sections) + "; docs/metrics.md lists all figures"


def _unexpected(
    text: str, start: int, found: re.Match[str] | None, expected: str
) -> CheckSyntaxError:
    word = found[1] if found else (text[start:].split() or [""])[0]
    start = text.index(word, start) if word else len(text)
    problem = f'found "{word}"' if word else "the check ends too early"
    return CheckSyntaxError(problem, text, start, len(word), f"expected {expected}")
