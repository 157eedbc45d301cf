"""Answers, read as services mean them.

What keeps to the wire is decoded at once. Only what that refuses is looked at again: ``null`` or
nothing where a list, an object of counts or a count is due means empty or zero (Go writes an empty
slice so), an integral float is an integer (as JSON Schema has it), and half a surrogate pair is
U+FFFD. Whatever else is wrong stays wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from mcstress.services.error_words import without_lone_surrogates
from mcstress.services.failure_reason import DECODE_ERRORS

Answer = TypeVar("Answer")

LARGEST_MEANT = 1 << 20
"""Bytes. A longer body that is not the wire's is not looked at again: that would keep all users of
the process waiting."""
LARGEST_EXACT = 2**53
"""Beyond it a float does not know its integer."""

_EMPTY: dict[type[inspect.Type], Callable[[], Any]] = {
    inspect.ListType: list,
    inspect.DictType: dict,
    inspect.IntType: int,
}
"""What stands for nothing, by what is due."""


def read(decoder: msgspec.json.Decoder[Answer], body: bytes) -> Answer:
    """What ``decoder`` makes of a service's ``body``; raises one of ``DECODE_ERRORS``."""
    try:
        return decoder.decode(body)
    except msgspec.DecodeError:
        return _read(decoder, body, nothing_is_empty=True)


def read_content(decoder: msgspec.json.Decoder[Answer], text: str) -> Answer:
    """What ``decoder`` makes of the ``text`` that a model wrote to a schema.

    A schema that asks for a list is broken by ``null``; it is not by 4.0 where it asks for 4.
    """
    return _read(decoder, text.encode("utf-8", "replace"), nothing_is_empty=False)


def _read(decoder: msgspec.json.Decoder[Answer], body: bytes, *, nothing_is_empty: bool) -> Answer:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        if len(body) > LARGEST_MEANT:
            raise
        # Not kept under a name: an error that its own frame holds keeps the body until the
        # collector comes by.
        meant = _as_meant(decoder, body, nothing_is_empty=nothing_is_empty)
        if meant is None:
            raise
        return decoder.decode(meant)
    except msgspec.DecodeError:
        whole = without_lone_surrogates(body) if len(body) <= LARGEST_MEANT else body
        if whole == body:
            raise
        return _read(decoder, whole, nothing_is_empty=nothing_is_empty)


def _as_meant(
    decoder: msgspec.json.Decoder[Any], body: bytes, *, nothing_is_empty: bool
) -> bytes | None:
    """``body`` as it is meant where the decoder's type is due; None where it cannot be read."""
    try:
        value = msgspec.json.decode(without_lone_surrogates(body))
        return msgspec.json.encode(
            _Meant(nothing_is_empty=nothing_is_empty).of(value, _due(decoder))
        )
    except DECODE_ERRORS:
        return None


@cache
def _due(decoder: msgspec.json.Decoder[Any]) -> inspect.Type:
    """Decoders are few, and made once."""
    return inspect.type_info(decoder.type)


class _Meant:
    """Values as they are meant where a type is due."""

    def __init__(self, *, nothing_is_empty: bool) -> None:
        self._nothing_is_empty = nothing_is_empty

    def of(self, value: Any, due: inspect.Type) -> Any:
        """``value``, or what it stands for."""
        if isinstance(due, inspect.UnionType):
            if value is None and due.includes_none:
                return None
            due = next(one for one in due.types if not isinstance(one, inspect.NoneType))
        if value is None and self._nothing_is_empty and type(due) in _EMPTY:
            return _EMPTY[type(due)]()
        if isinstance(value, float):
            return _number(value, due)
        if isinstance(due, inspect.ListType) and isinstance(value, list):
            value = [self.of(item, due.item_type) for item in value]
        elif isinstance(due, inspect.DictType) and isinstance(value, dict):
            value = {key: self.of(item, due.value_type) for key, item in value.items()}
        elif isinstance(due, inspect.StructType) and isinstance(value, dict):
            value = self._struct(value, due)
        return value

    def _struct(self, value: dict[str, Any], due: inspect.StructType) -> dict[str, Any]:
        """The object, with what was left out where that is nothing.

        One that has none of those members is another answer, and so is one with ``error`` alone. An
        empty one has left out everything, unless its type says that it ``has_members``.
        """
        names = {field.encode_name for field in due.fields} - {"error"}
        is_empty = not value and not getattr(due.cls, "has_members", False)
        is_known = is_empty or not names.isdisjoint(value)
        fills_in = is_known and self._nothing_is_empty
        meant = dict(value)
        for field in due.fields:
            name = field.encode_name
            if name in value:
                meant[name] = self.of(value[name], field.type)
                if meant[name] is None and not field.required and self._nothing_is_empty:
                    del meant[name]
            elif fills_in and field.required and type(field.type) in _EMPTY:
                meant[name] = _EMPTY[type(field.type)]()
        return meant


def _number(value: float, due: inspect.Type) -> float | int:
    is_whole = value.is_integer() and abs(value) <= LARGEST_EXACT
    return int(value) if is_whole and isinstance(due, inspect.IntType) else value
