"""Numbers of a target's file that ``--set`` replaces: ``search.ef=128``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

import msgspec

from mcstress.errors import UsageError
from mcstress.services.failure_reason import clip

OPTION = "--set"
Place = tuple[str, ...]


class Number(msgspec.Struct, frozen=True):
    """What one ``--set`` says. ``key``: names with dots, the first that of a table of the file."""

    key: str
    value: int | float

    @property
    def text(self) -> str:
        """As it is given on the command line."""
        return f"{self.key}={self.value}"


def parse_numbers(texts: Iterable[str] | None) -> tuple[Number, ...]:
    """What ``--set`` says, each ``KEY=NUMBER``; UsageError for what is none."""
    return tuple(map(_number, texts or ()))


def _number(text: str) -> Number:
    key, _, value = text.partition("=")
    expected = "expected KEY=NUMBER, as search.ef=128"
    if "," in value:
        raise UsageError(
            f"{OPTION}: found several numbers in {clip(text)!r}, {expected}; "
            "mcstress run makes one run for each"
        )
    for kind in (int, float):
        try:
            number = kind(value)
        except ValueError:
            continue
        if key.strip(". ") and abs(number) <= sys.float_info.max:
            return Number(key.strip(), number)
    raise UsageError(f"{OPTION}: found {clip(text)!r}, {expected}")


def with_numbers(path: str, raw: dict[str, Any], numbers: Iterable[Number]) -> dict[str, Any]:
    """``raw``, a file's tables, with ``numbers`` in the place of its own.

    A key may leave out names in its middle, as long as one number of the file fits. UsageError
    where none does, or several.
    """
    numbers = tuple(numbers)
    if not numbers:
        return raw
    found = deepcopy(raw)
    for number in numbers:
        *outer, last = _place(path, found, number)
        inner: Any = found
        for name in outer:
            inner = inner[int(name)] if isinstance(inner, list) else inner[name]
        inner[int(last) if isinstance(inner, list) else last] = number.value
    return found


def _place(path: str, raw: dict[str, Any], number: Number) -> Place:
    asked, places = tuple(number.key.split(".")), [*_places(raw)]
    fitting = [place for place in places if place == asked]
    fitting = fitting or [place for place in places if _fits(asked, place)]
    if len(fitting) == 1:
        return fitting[0]
    told = ", ".join(".".join(place) for place in fitting or places) or "it has none"
    if fitting:
        raise UsageError(
            f"{OPTION} {number.text}: found {len(fitting)} such numbers in {path}, "
            f"expected one of {told}"
        )
    raise UsageError(
        f"{OPTION} {number.text}: found no such number in {path}, expected one of its numbers: "
        f"{told}"
    )


def _places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Where numbers stand; entries of lists by their number, from 0."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield at
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, one in value.items() if isinstance(value, dict) else ():
        yield from _places(one, (*at, str(key)))


def _fits(asked: Place, place: Place) -> bool:
    """Whether ``place`` begins and ends as ``asked`` does, and has its names in their order."""
    if asked[0] != place[0] or asked[-1] != place[-1]:
        return False
    rest = iter(place)
    return all(name in rest for name in asked)
