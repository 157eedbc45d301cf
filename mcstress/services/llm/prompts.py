"""What an LLM is told, and what it is to read in a message: both are the scenario's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Told = Annotated[str, Meta(pattern=r"\S")]
FieldKind = Literal["text", "number", "list"]
"""A text, a whole number from 0 on, or a list of texts."""
_TYPES: dict[FieldKind, Any] = {
    "text": str,
    "number": Annotated[int, Meta(ge=0)],
    "list": list[str],
}


class Prompts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The system's turn by question; the message, the hit or the query is the user's, alone."""

    parse: Told | None = None
    judge: Told | None = None
    paraphrase: Told | None = None


class ParsedDemand(msgspec.Struct):
    """What a message asks for."""

    # Subclasses have the scenario's fields. The schema that the LLM is sent holds the line above.


def demand_type(fields: Mapping[str, FieldKind]) -> type[ParsedDemand]:
    """A ParsedDemand of these fields; the same class for the same fields."""
    return _demand_type(tuple(fields.items()))


@cache
def _demand_type(fields: tuple[tuple[str, FieldKind], ...]) -> type[ParsedDemand]:
    kind: type[Any] = msgspec.defstruct(
        ParsedDemand.__name__,
        [(name, _TYPES[kind]) for name, kind in fields],
        bases=(ParsedDemand,),
        module=__name__,
        namespace={"__doc__": ParsedDemand.__doc__},
    )
    return kind
