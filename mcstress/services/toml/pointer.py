"""Pointers into a JSON document (RFC 6901), compiled once: where they lead, or why nowhere.

Own code, and short: what jsonpointer (PyPI) raises holds the whole document, and it looks at every
step for what kind of sequence it stands before, on the path of every search.
"""

from __future__ import annotations

import re
from typing import Any

from mcstress.services.failure_reason import clip

KEYS_SHOWN = 8
_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9][0-9]*")


class PointerError(ValueError):
    """A text that is no pointer, or a pointer that finds nothing; the message says where."""


class Pointer:
    """``text`` as a pointer; PointerError where it is none. ``""`` is the whole document."""

    __slots__ = ("_steps", "text")

    def __init__(self, text: str) -> None:
        if text and not text.startswith("/"):
            raise PointerError(f'found "{clip(text)}", expected a pointer: "" or one that begins /')
        if _ESCAPE.search(text):
            raise PointerError(f'found "{clip(text)}", expected ~0 for ~ and ~1 for / in a pointer')
        self.text = text
        tokens = [one.replace("~1", "/").replace("~0", "~") for one in text.split("/")[1:]]
        self._steps = [(one, int(one) if _INDEX.fullmatch(one) else None) for one in tokens]

    def find(self, document: Any) -> Any:
        """What the pointer leads to; PointerError says where nothing was, and what was there."""
        value = document
        for at, (token, index) in enumerate(self._steps):
            if type(value) is dict and token in value:
                value = value[token]
            elif type(value) is list and index is not None and index < len(value):
                value = value[index]
            else:
                raise PointerError(self._missing(at, value))
        return value

    def each(self, documents: list[Any]) -> list[Any]:
        """What it leads to in each of ``documents``, as ``find`` does; a single key is quick."""
        if len(self._steps) == 1:
            key = self._steps[0][0]
            try:
                return [one[key] for one in documents]
            except (KeyError, TypeError):
                pass  # ``find`` knows lists, and says what there is
        return [self.find(one) for one in documents]

    def _missing(self, at: int, value: Any) -> str:
        """What stood before the step ``at``, which led nowhere; ids that differ are not shown."""
        whole = self.text or '""'
        where = "/" + "/".join(self.text.split("/")[1 : at + 1]) if at else ""
        inside = f" in {where}" if where else ""
        if isinstance(value, dict):
            keys = ", ".join(clip(str(key)) for key in list(value)[:KEYS_SHOWN]) or "none"
            more = ", …" if len(value) > KEYS_SHOWN else ""
            return f"{whole}: no such key{inside}; there are: {keys}{more}"
        if isinstance(value, list):
            return f"{whole}: no such place{inside}; the list has {len(value)}"
        return f"{whole}: nothing is{inside or ' there'}, which is {kind_of(value)}"


def kind_of(value: Any) -> str:
    """The kind of a JSON value, in its words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    kinds = {str: "a text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), type(value).__name__)
