"""A scenario spelt out: every variant's sentences with their placeholders filled in.

A sentence such as ``{headcount} {role}s in {location}`` is a demand's own or its variant's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from string import Formatter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from mcstress.users.scenarios.model import (
    PRIORITIES,
    Contract,
    Demand,
    Field,
    InboxMessage,
    Scenario,
    Templates,
    Variant,
)
from mcstress.users.scenarios.scenario_error import FaultError, describe, entry, suggestion

if TYPE_CHECKING:
    from mcstress.users.scenarios.schema import (
        FileContract,
        FileDemand,
        FileSite,
        FileVariant,
        ScenarioFile,
    )


_ALONE = re.compile(r"\s*\{(?P<name>\w+)\}\s*")
_SHIFT = re.compile(r"\s+shift\Z", re.IGNORECASE)
"""What ``{shift_word}`` leaves out of "day shift"."""


class EmptyWordError(FaultError):
    """A placeholder that a demand has no words for."""


def spelt_out(name: str, file: ScenarioFile) -> Scenario:
    """``file``, whose names have been checked, as a scenario; FaultError for a wrong sentence."""
    same = {field: getattr(file, field) for field in _same_fields(file)}
    variants = [_variant(index, variant, file) for index, variant in enumerate(file.variants)]
    return Scenario(name=name, variants=variants, **same)


def _same_fields(file: ScenarioFile) -> list[str]:
    """The keys of the file that the scenario has as they are."""
    return [key for key in file.__struct_fields__ if key not in ("contracts", "variants")]


def _variant(index: int, variant: FileVariant, file: ScenarioFile) -> Variant:
    sites = {site.name: site for site in variant.contracts}
    place = entry("variants", index)
    general = General(file.templates, field_names(file))
    return Variant(
        number=index + 1,
        contracts=[
            _contract(place, variant, held, sites[held.name], general) for held in file.contracts
        ],
        resumes=variant.resumes,
        inbox=[
            _message(message, file.parse)
            for message in sorted(variant.inbox, key=lambda one: PRIORITIES.index(one.priority))
        ],
    )


def _message(message: InboxMessage, fields: Iterable[str]) -> InboxMessage:
    """With every field in what is expected; None where it may be anything."""
    if message.expect is None:
        return message
    expect = {name: message.expect.get(name) for name in fields}
    return msgspec.structs.replace(message, expect=expect)


def _contract(
    place: str, variant: FileVariant, held: FileContract, site: FileSite, general: General
) -> Contract:
    demands = {demand.role: demand for demand in site.demands}
    return Contract(
        name=held.name,
        persona=held.persona,
        demands=[
            _Sentences(place, variant, site, demands[role], general).demand() for role in held.roles
        ],
    )


class General(NamedTuple):
    """What all demands of a scenario have: its templates, and the names of its own fields."""

    templates: Templates
    fields: list[str]


class _Sentences:
    """The sentences of one demand: its own, or else its variant's, or else the scenario's."""

    def __init__(
        self,
        place: str,
        variant: FileVariant,
        site: FileSite,
        demand: FileDemand,
        general: General,
    ) -> None:
        self._site, self._demand = site, demand
        self._fields = {**dict.fromkeys(general.fields, ""), **site.fields, **demand.fields}
        own = f"{place}.{entry('contracts', site.name)}.{entry('demands', demand.role)}"
        self._sources: dict[str, Any] = {
            own: demand,
            place: variant,
            "templates": general.templates,
        }
        self._words = words_of(demand, site.location, self._fields)

    def demand(self) -> Demand:
        demand = self._demand
        query, surge_query = self._sentence("query"), self._sentence("surge_query")
        place, paraphrases = self._first("paraphrases")
        return Demand(
            role=demand.role,
            headcount=demand.headcount,
            location=self._site.location,
            certs=demand.certs,
            skills=demand.skills,
            shift=demand.shift,
            query=query,
            paraphrases=[
                self._filled(entry(place, index), one) for index, one in enumerate(paraphrases)
            ],
            surge_query=surge_query,
            fields=self._fields,
        )

    def _sentence(self, key: str) -> str:
        return self._filled(*self._first(key))

    def _first(self, key: str) -> tuple[str, Any]:
        """The nearest that there is, and its place."""
        for place, source in self._sources.items():
            if template := getattr(source, key):
                return f"{place}.{key}", template
        own, *others = (f"{place}.{key}" for place in self._sources)
        raise FaultError(f"{own}: the key is missing, expected here, or {' or '.join(others)}")

    def _filled(self, place: str, template: str) -> str:
        try:
            return fill(template, self._words)
        except FaultError as fault:
            raise FaultError(f"{place}: {fault}") from None


def words_of(
    demand: FileDemand | Demand, location: str | None, fields: Mapping[str, Field]
) -> dict[str, str]:
    """What the placeholders stand for in the sentences of a demand with these ``fields``."""
    count, location, shift = demand.headcount, location or "", demand.shift or ""
    known = {
        "headcount": "" if count is None else str(count),
        "surge_headcount": "" if count is None else str(2 * count),
        "role": demand.role,
        "in_other_words": getattr(demand, "in_other_words", None) or "",
        "location": location,
        "city": _city(location),
        "state": _state(location),
        "certs": ", ".join(demand.certs),
        "skills": ", ".join(demand.skills),
        "shift": shift,
        "shift_word": _SHIFT.sub("", shift),
    }
    return known | {name: text_of(value) for name, value in fields.items()}


def field_names(file: ScenarioFile) -> list[str]:
    """The scenario's own fields: a demand that lacks one has no words for it."""
    sites = [site for variant in file.variants for site in variant.contracts]
    held = [site.fields for site in sites]
    held += [demand.fields for site in sites for demand in site.demands]
    return list(dict.fromkeys(name for fields in held for name in fields))


def text_of(value: Field) -> str:
    """A field in a sentence."""
    return ", ".join(value) if isinstance(value, list) else str(value)


def _city(location: str) -> str:
    """``Milwaukee`` of ``Milwaukee, WI``."""
    return location.partition(",")[0].strip()


def _state(location: str) -> str:
    """``WI`` of ``Milwaukee, WI``; empty where there is no comma."""
    return location.partition(",")[2].strip()


def asked_values(template: str, demand: Demand) -> list[str]:
    """What a rule of relevance asks of a hit for ``demand``; empty where it has no such words.

    The placeholder of a list alone, ``{certs}``, is each of them, else a template is one text.
    FaultError where a placeholder is unknown.
    """
    if (found := _ALONE.fullmatch(template)) is not None:
        lists = {"certs": demand.certs, "skills": demand.skills, **demand.fields}
        if isinstance(listed := lists.get(found["name"]), list):
            return list(listed)
    words = words_of(demand, demand.location, demand.fields)
    try:
        return [fill(template, words)]
    except EmptyWordError:
        return []


def inbox_query(parts: Iterable[str], parsed: object) -> str:
    """What is searched for by what was read in a message: the parts that say something."""
    return ", ".join(text for part in parts if (text := _part(part, parsed)))


def _part(template: str, parsed: object) -> str:
    """A part with its placeholders filled in; nothing where all of them are empty.

    ``{shift:shift}`` is the value followed by the word, unless it has the word already.
    """
    text, asked, said = "", False, False
    for literal, name, layout, _ in pieces(template):
        text += literal
        if name is not None:
            value = text_of(getattr(parsed, name))
            asked, said = True, said or bool(value)
            is_there = not layout or not value or layout.casefold() in value.casefold()
            text += value if is_there else f"{value} {layout}"
    return text if said or not asked else ""


@cache
def pieces(template: str) -> tuple[tuple[str, str | None, str | None, str | None], ...]:
    """Literal text, placeholder, what follows its colon, and its conversion; FaultError."""
    try:
        return tuple(Formatter().parse(template))
    except ValueError as error:
        raise FaultError(
            f"found {describe(template)}, expected each brace to be part of a {{placeholder}}, or "
            f"doubled where a brace is meant ({error})"
        ) from None


def fill(template: str, words: Mapping[str, str]) -> str:
    """``template`` with its placeholders filled in; FaultError where one has no word."""
    return "".join(
        literal if name is None else literal + _word(name, layout, conversion, words)
        for literal, name, layout, conversion in pieces(template)
    )


def _word(name: str, layout: str | None, conversion: str | None, words: Mapping[str, str]) -> str:
    if layout or conversion or name not in words:
        spelt = name + (f"!{conversion}" if conversion else "") + (f":{layout}" if layout else "")
        known = ", ".join(f"{{{word}}}" for word in words)
        raise FaultError(
            f"found the placeholder {{{spelt}}}, expected one of {known}{suggestion(name, words)}"
        )
    if not words[name]:
        raise EmptyWordError(
            f"found the placeholder {{{name}}} for a demand whose {name} are empty"
        )
    return words[name]
