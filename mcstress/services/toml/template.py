"""Templates of requests: values with placeholders, compiled once, filled in for every request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final
from urllib.parse import quote

import msgspec

from mcstress.services.failure_reason import clip
from mcstress.services.http.base_url import sendable

PLACEHOLDERS: Final = (
    "text", "vector", "k", "corpus", "corpora", "corpus_id", "namespace", "answer_id",
    "answer_corpus", "role", "id", "metadata", "exclude_ids", "dimension", "items", "host", "uuid",
    "record_uuid", "integer", "record_integer", "priority", "subject", "sender", "body", "type",
    "task",
)  # fmt: skip

Values = Mapping[str, Any]
Fill = Callable[[Values], Any]

MISSING: Final = object()
"""What a placeholder without a value gives: its key is left out."""
_MARK = re.compile(r"\{\{([A-Za-z_]\w*)\}\}|\{([A-Za-z_]\w*)\}")
"""``{{word}}``, which is literal, or a placeholder. Any other brace is text."""
_encode = msgspec.json.Encoder().encode


class TemplateError(ValueError):
    """A template with what is no placeholder; the message says what, and in which key."""


class Template:
    """A JSON value; ``needs`` are the placeholders in it.

    A string that is one placeholder becomes its value, a longer one is text. A key whose only
    placeholder has no value is left out, with its object where that becomes empty.
    """

    def __init__(self, value: Any, place: str = "") -> None:
        self.needs: set[str] = set()
        self._fill = self._compiled(value, place)
        self._is_items = value == "{items}"

    def value(self, values: Values) -> Any:
        """The value, as msgspec encodes it; MISSING where nothing is left of it."""
        return self._fill(values)

    def encoded(self, values: Values) -> bytes:
        """The value as JSON; where nothing is left of it, an empty object."""
        filled = self._fill(values)
        return b"{}" if filled is MISSING else _encode(filled)

    def lines(self, values: Values) -> list[bytes]:
        """The value as JSON without line breaks; a list of ``items`` is a line for each."""
        filled = self._fill(values)
        if self._is_items and isinstance(filled, list):
            return [_encode(line) for item in filled for line in listed(item)]
        return [] if filled is MISSING else [_encode(filled)]

    def _compiled(self, value: Any, place: str) -> Fill:
        if isinstance(value, str):
            return self._text(value, place)
        if isinstance(value, dict) and value:
            return self._object(value, place)
        if isinstance(value, list) and value:
            return self._list(value, place)
        if isinstance(value, float) and not isfinite(value):
            raise TemplateError(f"{place}: found {value}, expected a number that JSON has")
        return constant(value)

    def _text(self, text: str, place: str) -> Fill:
        pieces = parsed(text, place)
        names = [name for is_name, name in pieces if is_name]
        self.needs.update(names)
        if not names:
            return constant("".join(piece for _, piece in pieces))
        if len(pieces) == 1:
            name = names[0]
            return lambda values: values.get(name, MISSING)
        return text_of(pieces, as_text)

    def _object(self, value: dict[str, Any], place: str) -> Fill:
        for key in value:
            if any(is_name for is_name, _ in parsed(key, place)):
                raise TemplateError(f"{place}: found the key {clip(key)}, expected no placeholder")
        members = [(key, self._compiled(one, f"{place}.{key}")) for key, one in value.items()]
        if all(isinstance(fill, _Constant) for _, fill in members):
            return constant(value)

        def fill(values: Values) -> Any:
            made = {}
            for key, of in members:
                if (filled := of(values)) is not MISSING:
                    made[key] = filled
            return made or MISSING

        return fill

    def _list(self, value: list[Any], place: str) -> Fill:
        of = [self._compiled(one, f"{place}[{number}]") for number, one in enumerate(value, 1)]
        if all(isinstance(fill, _Constant) for fill in of):
            return constant(value)

        def fill(values: Values) -> Any:
            filled = [one(values) for one in of]
            return [one for one in filled if one is not MISSING]

        return fill


def listed(value: Any) -> list[Any]:
    """``value``, or the values that it is a list of."""
    return value if isinstance(value, list) else [value]


class _Constant:
    """A value without placeholders, encoded once."""

    __slots__ = ("_raw",)

    def __init__(self, value: Any) -> None:
        self._raw = msgspec.Raw(_encode(unescaped(value)))

    def __call__(self, _: Values) -> Any:
        return self._raw


def constant(value: Any) -> Fill:
    """What gives ``value`` for any values."""
    return _Constant(value)


def unescaped(value: Any) -> Any:
    """``value`` without the doubled braces of what is literal."""
    if isinstance(value, str):
        return _MARK.sub(lambda found: f"{{{found[1]}}}" if found[1] else found[0], value)
    if isinstance(value, dict):
        return {unescaped(key): unescaped(one) for key, one in value.items()}
    return [unescaped(one) for one in value] if isinstance(value, list) else value


def parsed(text: str, place: str) -> list[tuple[bool, str]]:
    """Its pieces: (is a placeholder, its name or the text). TemplateError for an unknown name."""
    pieces: list[tuple[bool, str]] = []
    end = 0
    for found in _MARK.finditer(text):
        literal, name = found.groups()
        if before := text[end : found.start()] + (f"{{{literal}}}" if literal else ""):
            pieces.append((False, before))
        if name is not None:
            if name not in PLACEHOLDERS:
                raise TemplateError(
                    f"{place}: found {{{clip(name)}}}, expected one of the placeholders "
                    f"{', '.join(PLACEHOLDERS)}; text in braces is written {{{{{clip(name)}}}}}"
                )
            pieces.append((True, name))
        end = found.end()
    if rest := text[end:]:
        pieces.append((False, rest))
    return pieces


def text_of(pieces: list[tuple[bool, str]], spelt: Callable[[Any], str]) -> Fill:
    """What joins ``pieces``; MISSING where no placeholder of them has a value."""

    def fill(values: Values) -> Any:
        if not any(is_name and values.get(name) is not None for is_name, name in pieces):
            return MISSING
        return "".join(
            (spelt(values[piece]) if values.get(piece) is not None else "") if is_name else piece
            for is_name, piece in pieces
        )

    return fill


class PairsTemplate:
    """Pairs as a query string and a form have them; a key without a value is left out."""

    def __init__(self, table: dict[str, Any], place: str) -> None:
        self._pairs = [
            (quote(key, safe=""), _query_pieces(one, f"{place}.{key}"))
            for key, one in table.items()
        ]
        self.needs = {name for _, pieces in self._pairs for is_name, name in pieces if is_name}

    def filled(self, values: Values) -> str:
        """``a=1&b=2``, each value quoted."""
        return "&".join(
            f"{key}={value}"
            for key, pieces in self._pairs
            if (value := _query_value(pieces, values)) is not MISSING
        )


class PathTemplate:
    """A path with placeholders, each quoted; several names are joined by commas.

    ``query`` are the query string's values: a key without a value is left out.
    """

    def __init__(self, path: str, query: dict[str, Any], place: str) -> None:
        pieces = parsed(path, place)
        if not all(is_name or sendable(piece) for is_name, piece in pieces):
            raise TemplateError(
                f"{place}: found {clip(repr(path))}, expected visible ASCII; a blank is %20"
            )
        self._query = PairsTemplate(query, f"{place.rpartition('.')[0]}.query")
        self.needs = {name for is_name, name in pieces if is_name} | self._query.needs
        self._pieces = pieces
        self._constant = None if self.needs else self._made({})

    def filled(self, values: Values) -> str:
        """The path and query string."""
        return self._constant if self._constant is not None else self._made(values)

    def _made(self, values: Values) -> str:
        path = "".join(quoted(values.get(p, "")) if is_name else p for is_name, p in self._pieces)
        query = self._query.filled(values)
        if not query:
            return path
        return f"{path}{'&' if '?' in path else '?'}{query}"


def _query_value(pieces: list[tuple[bool, str]], values: Values) -> Any:
    if len(pieces) == 1 and pieces[0][0]:
        value = values.get(pieces[0][1])
        return MISSING if value is None else quoted(value)
    if not any(is_name for is_name, _ in pieces):
        return quoted("".join(piece for _, piece in pieces))
    filled = text_of(pieces, as_text)(values)
    return filled if filled is MISSING else quoted(filled)


def _query_pieces(value: Any, place: str) -> list[tuple[bool, str]]:
    """A value of ``query``, as text."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, str | int | float):
        return parsed(str(value), place)
    raise TemplateError(f"{place}: found {type(value).__name__}, expected a text or a number")


def as_text(value: Any) -> str:
    """A value inside of a longer text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    return _encode(value).decode()


def quoted(value: Any) -> str:
    """A value in a path: quoted, the commas between names are not."""
    if isinstance(value, list):
        return ",".join(quote(str(one), safe="") for one in value)
    return quote(as_text(value), safe="")
