"""A scenario spelt out: every variant's sentences with their placeholders filled in.

A sentence such as ``{headcount} {role}s in {location}`` is a demand's own or its variant's.
"""

from __future__ import annotations

import re
from string import Formatter
from typing import TYPE_CHECKING

from mcstress.users.scenarios.fault import FaultError, describe, entry, suggestion
from mcstress.users.scenarios.model import PRIORITIES, Contract, Demand, Scenario, Variant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcstress.users.scenarios.schema import (
        FileContract,
        FileDemand,
        FileSite,
        FileVariant,
        ScenarioFile,
    )


_LIST = re.compile(r"\s*\{(?P<name>certs|skills)\}\s*")
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
    return Variant(
        number=index + 1,
        contracts=[_contract(place, variant, held, sites[held.name]) for held in file.contracts],
        resumes=variant.resumes,
        inbox=sorted(variant.inbox, key=lambda message: PRIORITIES.index(message.priority)),
    )


def _contract(place: str, variant: FileVariant, held: FileContract, site: FileSite) -> Contract:
    demands = {demand.role: demand for demand in site.demands}
    return Contract(
        name=held.name,
        persona=held.persona,
        demands=[_Sentences(place, variant, site, demands[role]).demand() for role in held.roles],
    )


class _Sentences:
    """The sentences of one demand."""

    def __init__(
        self, place: str, variant: FileVariant, site: FileSite, demand: FileDemand
    ) -> None:
        self._variant, self._site, self._demand, self._place = variant, site, demand, place
        self._words = words_of(demand, site.location)

    def demand(self) -> Demand:
        demand = self._demand
        return Demand(
            role=demand.role,
            headcount=demand.headcount,
            location=self._site.location,
            certs=demand.certs,
            skills=demand.skills,
            shift=demand.shift,
            query=self._filled("query", demand.query, self._variant.query),
            paraphrases=[
                self._filled(entry("paraphrases", index), own, general)
                for index, (own, general) in enumerate(self._paraphrases())
            ],
            surge_query=self._filled("surge_query", demand.surge_query, self._variant.surge_query),
        )

    def _paraphrases(self) -> list[tuple[str | None, str | None]]:
        """The demand's own, else the variant's, else one that is missing."""
        if self._demand.paraphrases:
            return [(own, None) for own in self._demand.paraphrases]
        if self._variant.paraphrases:
            return [(None, general) for general in self._variant.paraphrases]
        return [(None, None)]

    def _filled(self, key: str, own: str | None, general: str | None) -> str:
        template = own or general
        if template is None:
            raise FaultError(
                f"{self._at(key)}: the key is missing, expected here or for the whole variant "
                f"({self._place}.{key})"
            )
        try:
            return fill(template, self._words)
        except FaultError as fault:
            raise FaultError(
                f"{self._at(key) if own else f'{self._place}.{key}'}: {fault}"
            ) from None

    def _at(self, key: str) -> str:
        site, demand = entry("contracts", self._site.name), entry("demands", self._demand.role)
        return f"{self._place}.{site}.{demand}.{key}"


def words_of(demand: FileDemand | Demand, location: str) -> dict[str, str]:
    """What the placeholders stand for in the sentences of ``demand``."""
    return {
        "headcount": str(demand.headcount),
        "surge_headcount": str(2 * demand.headcount),
        "role": demand.role,
        "in_other_words": getattr(demand, "in_other_words", None) or "",
        "location": location,
        "city": _city(location),
        "state": _state(location),
        "certs": ", ".join(demand.certs),
        "skills": ", ".join(demand.skills),
        "shift": demand.shift,
        "shift_word": _SHIFT.sub("", demand.shift),
    }


def _city(location: str) -> str:
    """``Milwaukee`` of ``Milwaukee, WI``."""
    return location.partition(",")[0].strip()


def _state(location: str) -> str:
    """``WI`` of ``Milwaukee, WI``; empty where there is no comma."""
    return location.partition(",")[2].strip()


def asked_values(template: str, demand: Demand) -> list[str]:
    """What a rule of relevance asks of a hit for ``demand``; empty where it has no such words.

    ``{certs}`` or ``{skills}`` alone is each of them, else a template is one text. FaultError where
    a placeholder is unknown.
    """
    if (found := _LIST.fullmatch(template)) is not None:
        return list(getattr(demand, found["name"]))
    words = words_of(demand, demand.location)
    try:
        return [fill(template, words)]
    except EmptyWordError:
        return []


def fill(template: str, words: Mapping[str, str]) -> str:
    """``template`` with its placeholders filled in; FaultError where one has no word."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise FaultError(
            f"found {describe(template)}, expected each brace to be part of a {{placeholder}}, or "
            f"doubled where a brace is meant ({error})"
        ) from None
    return "".join(
        literal if name is None else literal + _word(name, layout, conversion, words)
        for literal, name, layout, conversion in parts
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
