"""Relevance by rule: how well each hit fits its demand, judged by the fields of its metadata.

A hit's gain is the share of the weights that hold, 0 where one that must hold does not. Values are
compared without regard to case and spaces; numbers as they are written. A condition of which a
demand says nothing (it asks for no certificate) is left out for that demand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET
from msgspec.structs import astuple

from mcstress.metrics.event import Event
from mcstress.services.target import Found
from mcstress.users.scenarios.expand import asked_values
from mcstress.users.scenarios.model import Demand, RelevanceRule, Scenario
from mcstress.users.scenarios.validate_relevance import template_of

SHOWN = 5
"""Values of other hits that an event tells, where none is of the demands' words."""
SHOWN_CHARACTERS = 60
KEPT = 256
"""Hits whose gain for a demand is kept, and values of a field that were looked at."""

FieldValues = Sequence[Any]
"""A hit's values of the rules' fields, each as JSON, in their order; UNSET where it lacks one."""


class FieldDemand:
    """What is asked of one field; ``holds``: the value is to hold each of ``words``, else to be it.

    Most fields have few values: what each fulfils is kept by its JSON.
    """

    __slots__ = ("_holds", "known", "words")

    def __init__(self, words: tuple[str, ...], *, holds: bool) -> None:
        self.words = words
        self._holds = holds
        self.known: dict[bytes, float] = {}

    def share_of(self, value: bytes) -> float:
        """How much of what is asked a value, as JSON, fulfils, 0 to 1; then it is known."""
        if len(self.known) >= KEPT:
            self.known.clear()
        share = self.known[value] = self.share(msgspec.json.decode(value))
        return share

    def share(self, value: Any) -> float:
        """How much of what is asked ``value`` fulfils, 0 to 1."""
        found = _texts(value)
        if not self._holds:
            return float(found == [self.words[0]])
        if type(value) is str:
            text = f" {found[0]} "
            return sum(_stands_in(text, one) for one in self.words) / len(self.words)
        return sum(one in found for one in self.words) / len(self.words)


class Condition(NamedTuple):
    """What one rule asks for one demand; ``at``: the place of its field among the rules'."""

    at: int
    asked: FieldDemand
    weight: float
    must: bool


class DemandRules:
    """The conditions of one demand."""

    def __init__(self, rules: Rules, conditions: Iterable[Condition]) -> None:
        self._rules = rules
        # What decides alone comes first.
        self._conditions = sorted(conditions, key=lambda one: not one.must)
        self._total = sum(one.weight for one in self._conditions)
        self._gains: dict[bytes, float | None] = {}

    @property
    def fields(self) -> list[str]:
        """The fields of metadata that are looked at."""
        return self._rules.fields

    def judge(self, found: Found, event: Event) -> None:
        """Note in ``event`` the gain of each hit, or that its hits cannot be judged.

        They cannot where none has a field that a rule names. ``other_values`` are told where none
        has a value that any demand asks for: gains of 0 may be another vocabulary.
        """
        metadata, known = found.metadata or [], self._gains
        judged: list[float | None] = []
        for one in metadata:
            read = bytes(one) if type(one) is msgspec.Raw else _json(one)
            judged.append(known[read] if read in known else self._judge(read))
        judged += [None] * (len(found.hits) - len(judged))
        if None in judged and found.hits and not any(one is not None for one in judged):
            event.other_values = self._rules.other_fields(metadata)
            return
        event.gains = [gain or 0.0 for gain in judged]
        if judged and not any(judged) and not any(map(self._rules.knows, metadata)):
            event.other_values = self._rules.shown(metadata)

    def _judge(self, metadata: bytes) -> float | None:
        """The gain of a hit, kept for when it is found again; None where it has no such field."""
        if len(self._gains) >= KEPT:
            self._gains.clear()
        values = self._rules.values_of(metadata)
        gain = self._gains[metadata] = None if values is None else self._gain(values)
        return gain

    def _gain(self, values: FieldValues) -> float:
        """The share of the weights that hold, to four decimals."""
        got = 0.0
        for at, asked, weight, must in self._conditions:
            value = values[at]
            if value is UNSET:
                share = 0.0
            else:
                text = bytes(value)
                known = asked.known.get(text)
                share = asked.share_of(text) if known is None else known
            if share < 1 and must:
                return 0.0
            got += share * weight
        return round(got / self._total, 4) if got else 0.0


class Rules:
    """A scenario's rules, and those of each of its demands. One serves all users of a process."""

    def __init__(self, scenario: Scenario) -> None:
        self.fields = list(dict.fromkeys(rule.field for rule in scenario.relevance))
        self._decode = _decoder(self.fields)
        self._asked: dict[tuple[int, bool, tuple[str, ...]], FieldDemand] = {}
        self._known: set[tuple[int, str]] = set()
        self._knows: dict[bytes, bool] = {}
        self._of: dict[tuple[int, str, str], DemandRules] = {}
        for variant in scenario.variants:
            for contract in variant.contracts:
                for demand in contract.demands:
                    conditions = list(self._conditions(scenario.relevance, demand))
                    self._known |= {
                        (one.at, word) for one in conditions for word in one.asked.words
                    }
                    if sum(one.weight for one in conditions):
                        key = variant.number, contract.name, demand.role
                        self._of[key] = DemandRules(self, conditions)

    def of(self, variant: int, contract: str, role: str) -> DemandRules | None:
        """The rules of a demand; None where nothing is asked of its hits."""
        return self._of.get((variant, contract, role))

    def _conditions(self, rules: Iterable[RelevanceRule], demand: Demand) -> Iterable[Condition]:
        for rule in rules:
            words = tuple(_fold(text) for text in asked_values(template_of(rule), demand))
            if words:
                at, holds = self.fields.index(rule.field), rule.is_ is None
                asked = self._asked.setdefault((at, holds, words), FieldDemand(words, holds=holds))
                yield Condition(at, asked, rule.weight, rule.must)

    def values_of(self, metadata: bytes) -> FieldValues | None:
        """A hit's values of the rules' fields; None where it has none of them."""
        try:
            values: FieldValues = astuple(self._decode(metadata))
        except msgspec.DecodeError:
            return None
        if values[0] is UNSET and all(value is UNSET for value in values):
            return None
        return values

    def _read(self, hits: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """Places of the rules' fields, each with a hit's value."""
        for one in hits:
            for at, value in enumerate(self.values_of(_json(one)) or ()):
                if value is not UNSET:
                    yield at, msgspec.json.decode(value)

    def missing(self, hits: Sequence[Any]) -> str:
        """The fields of rules that no hit has, in a sentence; empty where each is there."""
        there = {at for at, _ in self._read(hits)}
        lacking = [name for at, name in enumerate(self.fields) if at not in there]
        if not lacking:
            return ""
        found = ", ".join(self.other_fields(hits))
        return f"no hit has the field {', '.join(lacking)} that a rule names; found {found}"

    def knows(self, metadata: Any) -> bool:
        """Whether a hit has a value that some demand of the scenario asks for."""
        read = _json(metadata)
        known = self._knows.get(read)
        if known is None:
            if len(self._knows) >= KEPT:
                self._knows.clear()
            known = self._knows[read] = any(
                (at, text) in self._known
                for at, value in self._read([metadata])
                for text in _texts(value)
            )
        return known

    def shown(self, hits: Iterable[Any]) -> list[str]:
        """The first different values, each with its field."""
        told = (
            f"{self.fields[at]}: {text[:SHOWN_CHARACTERS]}"
            for at, value in self._read(hits)
            for text in _texts(value)
        )
        return list(islice(dict.fromkeys(told), SHOWN))

    def other_fields(self, hits: Iterable[Any]) -> list[str]:
        """The first fields that the hits have, none of which is a rule's."""
        for one in hits:
            try:
                metadata = msgspec.json.decode(_json(one))
            except msgspec.DecodeError:
                continue
            if isinstance(metadata, Mapping) and metadata:
                return [f"field {name}"[:SHOWN_CHARACTERS] for name in islice(metadata, SHOWN)]
        return ["no metadata"]


def _decoder(fields: Sequence[str]) -> Callable[[bytes], Any]:
    """Reads the named fields of a JSON object, each as it came, and passes over all others."""
    names = [f"field_{at}" for at in range(len(fields))]
    kind = msgspec.defstruct(
        "Fields",
        [(name, msgspec.Raw, UNSET) for name in names],
        rename=dict(zip(names, fields, strict=True)),
        gc=False,
    )
    return msgspec.json.Decoder(kind).decode


def _json(metadata: Any) -> bytes:
    """A hit's metadata as JSON; a target of a user's own may give any object."""
    if isinstance(metadata, msgspec.Raw):
        return bytes(metadata)
    return msgspec.json.encode(metadata, enc_hook=str)


def _texts(value: Any) -> list[str]:
    """A value as texts that are compared: one for each of a list's; none where it has none."""
    if type(value) is str:
        return [_fold(value)]
    if isinstance(value, list | tuple):
        return [text for one in value for text in _texts(one)]
    if value is None or value is UNSET or isinstance(value, Mapping):
        return []
    if isinstance(value, float) and value.is_integer():
        return [str(int(value))]
    return [_fold(str(value))]


def _fold(text: str) -> str:
    """A text as it is compared."""
    return " ".join(text.casefold().split())


def _stands_in(words: str, asked: str) -> bool:
    """Whether whole words of a text are ``asked``."""
    begin = words.find(asked)
    while begin >= 0:
        end = begin + len(asked)
        if not (words[begin - 1].isalnum() or words[end].isalnum()):
            return True
        begin = words.find(asked, begin + 1)
    return False
