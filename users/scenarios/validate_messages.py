"""What must be there for messages to be read, searched by and judged; and fields of one's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mcstress.users.scenarios.expand import pieces
from mcstress.users.scenarios.scenario_error import FaultError, describe, entry, suggestion
from mcstress.users.scenarios.understood import words_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcstress.services.llm.prompts import FieldKind
    from mcstress.users.scenarios.schema import FileVariant, ScenarioFile

BODY_LIMIT_BYTES = 8 * 1024
PLAIN_FIELD = re.compile(r"[a-z][a-z0-9_]*")
OF_EVERY_DEMAND = frozenset({
    "headcount", "surge_headcount", "role", "in_other_words", "location", "city", "state", "certs",
    "skills", "shift", "shift_word",
})  # fmt: skip
"""The placeholders that a field cannot be called by."""
KINDS: dict[FieldKind, str] = {
    "text": "a text with a letter or digit in it",
    "number": "a whole number, at least 1",
    "list": "a list of texts, each with a letter or digit in it",
}


def reading_faults(file: ScenarioFile) -> Iterator[str]:
    """What the LLM is told and reads, and what is searched for by it: all of it, or no messages."""
    for name in file.parse:
        yield from _plain(f"parse.{name}", name)
    for index, part in enumerate(file.templates.inbox_query):
        yield from _part(entry("templates.inbox_query", index), part, file)
    needed: dict[str, object] = (
        {"prompts.paraphrase": file.prompts.paraphrase} if _by_llm(file) else {}
    )
    if any(variant.inbox for variant in file.variants):
        needed |= {
            "parse": file.parse,
            "prompts.parse": file.prompts.parse,
            "prompts.judge": file.prompts.judge,
            "templates.inbox_query": file.templates.inbox_query,
        }
    for key, value in needed.items():
        if not value:
            why = "paraphrases_by is llm" if key == "prompts.paraphrase" else "there is an inbox"
            yield f"{key}: found nothing, expected {_NEEDED[key]}, as {why}"


_NEEDED = {
    "parse": 'the fields that the LLM reads in a message, such as topic = "text"',
    "prompts.parse": "what the LLM is told before it reads a message",
    "prompts.judge": "what the LLM is told before it judges a hit",
    "prompts.paraphrase": "what the LLM is told before it says a query in other words",
    "templates.inbox_query": 'the parts of the search for a message, such as "{topic}"',
}


def _by_llm(file: ScenarioFile) -> bool:
    return file.paraphrases_by == "llm"


def _part(place: str, part: str, file: ScenarioFile) -> Iterator[str]:
    try:
        asked = [piece for piece in pieces(part) if piece[1] is not None]
    except FaultError as fault:
        yield f"{place}: {fault}"
        return
    for _, name, _, conversion in asked:
        if conversion or name not in file.parse:
            spelt = f"{name}!{conversion}" if conversion else name
            known = ", ".join(f"{{{word}}}" for word in file.parse) or "there are none"
            yield (
                f"{place}: found the placeholder {{{spelt}}}, expected one of the fields of parse: "
                f"{known}{suggestion(str(name), file.parse)}"
            )


def message_faults(place: str, variant: FileVariant, file: ScenarioFile) -> Iterator[str]:
    """Messages that are too long, or expect what is no field."""
    for index, message in enumerate(variant.inbox):
        at, size = f"{place}.{entry('inbox', index)}", len(message.body.encode())
        if size > BODY_LIMIT_BYTES:
            yield f"{at}.body: found {size} bytes, expected at most {BODY_LIMIT_BYTES}"
        if message.type == "email" and not message.subject.strip():
            yield f"{at}.subject: found none, expected one, as it is an email"
        if message.expect is not None:
            yield from _expectations(f"{at}.expect", message.expect, file)


def _expectations(place: str, expect: dict[str, Any], file: ScenarioFile) -> Iterator[str]:
    """What nobody could miss, or nobody could find, is nothing to be judged by."""
    if not expect:
        yield f"{place}: found an empty table, expected one of {', '.join(file.parse)}"
    for name, value in expect.items():
        if name not in file.parse:
            known = ", ".join(file.parse) or "there are none"
            yield (
                f"{place}.{name}: found a key that is not known here, expected one of the fields "
                f"of parse: {known}{suggestion(name, file.parse)}"
            )
        elif not _is(file.parse[name], value):
            kind = KINDS[file.parse[name]]
            yield f"{place}.{name}: found {describe(value)}, expected {kind}"


def field_faults(place: str, fields: dict[str, Any]) -> Iterator[str]:
    """Fields of the scenario's own that are no placeholder's name, or say nothing."""
    for name, value in fields.items():
        yield from _plain(f"{place}.{name}", name)
        if name in OF_EVERY_DEMAND:
            yield f"{place}.{name}: found the name of a key or placeholder, expected another name"
        if not any(_is(kind, value) for kind in KINDS):
            yield (
                f"{place}.{name}: found {describe(value)}, expected a text, a whole number or a "
                "list of texts"
            )


def _plain(place: str, name: str) -> Iterator[str]:
    if not PLAIN_FIELD.fullmatch(name):
        yield f"{place}: found {describe(name)}, expected small letters, digits and _ for a name"


def _is(kind: FieldKind, value: Any) -> bool:
    if kind == "number":
        return type(value) is int and value >= 1
    if kind == "text":
        return isinstance(value, str) and bool(words_in(value))
    return isinstance(value, list) and bool(value) and all(_is("text", one) for one in value)
