"""Relevance by rule: how well each hit fits its demand, judged by the fields of its metadata.

A hit's gain is the share of the weights that hold, 0 where one that must hold does not. Values are
compared without regard to case and spaces; numbers as they are written. A condition of which a
demand says nothing (it asks for no certificate) is left out for that demand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from mcstress.metrics.event import Event
from mcstress.services.target import Found
from mcstress.users.scenarios.expand import asked_values
from mcstress.users.scenarios.model import Demand, RelevanceRule, Scenario
from mcstress.users.scenarios.validate_relevance import template_of

SHOWN = 5
"""Values of other hits that an event tells, where none is of the demands' words."""
SHOWN_CHARACTERS = 60
FOLDED = 10_000
"""Different texts whose folded form is kept."""

Values = Sequence[Any]
"""A hit's values of the rules' fields, in their order; UNSET where it lacks one."""


class _Folded(dict[str, str]):
    """Texts as they are compared. Fields hold few different ones."""

    def __missing__(self, text: str) -> str:
        if len(self) > FOLDED:
            self.clear()
        folded = self[text] = " ".join(text.casefold().split())
        return folded


_folded = _Folded()


class Condition(NamedTuple):
    """What one rule asks for one demand. ``at``: the place of its field among the rules' fields."""

    at: int
    holds: bool
    asked: tuple[str, ...]
    weight: float
    must: bool

    def share(self, value: Any) -> float:
        """How much of it ``value`` fulfils, 0 to 1."""
        if type(value) is str and not self.holds:
            return float(_folded[value] == self.asked[0])
        if not self.holds:
            found = _texts(value)
            return float(len(found) == 1 and found[0] == self.asked[0])
        if type(value) is str:
            words = f" {_folded[value]} "
            return sum(_stands_in(words, one) for one in self.asked) / len(self.asked)
        found = _texts(value)
        return sum(one in found for one in self.asked) / len(self.asked)


class DemandRules:
    """The conditions of one demand."""

    def __init__(self, rules: Rules, conditions: Iterable[Condition]) -> None:
        self._rules = rules
        # What decides alone comes first.
        self._conditions = sorted(conditions, key=lambda one: not one.must)
        self._total = sum(one.weight for one in self._conditions)

    @property
    def fields(self) -> list[str]:
        """The fields of metadata that are looked at."""
        return self._rules.fields

    def judge(self, found: Found, event: Event) -> None:
        """Note in ``event`` the gain of each hit, or that its hits cannot be judged.

        They cannot where none has a field that a rule names. ``other_values`` are told where none
        has a value that any demand asks for: gains of 0 may be another vocabulary.
        """
        rules, metadata = self._rules, found.metadata or ()
        hits = [rules.values_of(one) for one in metadata]
        if found.hits and not any(hits):
            event.other_values = rules.other_fields(metadata)
            return
        gains = [self.gain(values) if values else 0.0 for values in hits]
        gains += [0.0] * (len(found.hits) - len(gains))
        event.gains = gains
        if gains and not any(gains) and not any(map(rules.knows, hits)):
            event.other_values = rules.shown(hits)

    def gain(self, values: Values) -> float:
        """The share of the weights that hold, to four decimals."""
        got = 0.0
        for condition in self._conditions:
            share = condition.share(values[condition.at])
            if share < 1 and condition.must:
                return 0.0
            got += share * condition.weight
        return round(got / self._total, 4) if got else 0.0


class Rules:
    """A scenario's rules, and those of each of its demands. One serves all users of a process."""

    def __init__(self, scenario: Scenario) -> None:
        self.fields = list(dict.fromkeys(rule.field for rule in scenario.relevance))
        self._decode = _decoder(self.fields)
        self._known: set[tuple[int, str]] = set()
        self._of: dict[tuple[int, str, str], DemandRules] = {}
        for variant in scenario.variants:
            for contract in variant.contracts:
                for demand in contract.demands:
                    conditions = list(self._conditions(scenario.relevance, demand))
                    self._known |= {(one.at, text) for one in conditions for text in one.asked}
                    if sum(one.weight for one in conditions):
                        key = variant.number, contract.name, demand.role
                        self._of[key] = DemandRules(self, conditions)

    def of(self, variant: int, contract: str, role: str) -> DemandRules | None:
        """The rules of a demand; None where nothing is asked of its hits."""
        return self._of.get((variant, contract, role))

    def _conditions(self, rules: Iterable[RelevanceRule], demand: Demand) -> Iterable[Condition]:
        for rule in rules:
            asked = tuple(_folded[text] for text in asked_values(template_of(rule), demand))
            if asked:
                at = self.fields.index(rule.field)
                yield Condition(at, rule.is_ is None, asked, rule.weight, rule.must)

    def values_of(self, metadata: Any) -> Values | None:
        """A hit's values of the rules' fields; None where it has none of them."""
        if isinstance(metadata, msgspec.Raw):
            try:
                values: Values = self._decode(metadata)
            except msgspec.DecodeError:
                return None
        elif isinstance(metadata, Mapping):
            values = [metadata.get(field, UNSET) for field in self.fields]
        else:
            return None
        return values if any(value is not UNSET for value in values) else None

    def knows(self, values: Values | None) -> bool:
        """Whether one of ``values`` is what some demand of the scenario asks for."""
        return any(
            (at, text) in self._known
            for at, value in enumerate(values or ())
            for text in _texts(value)
        )

    def shown(self, hits: Iterable[Values | None]) -> list[str]:
        """The first different values, each with its field."""
        told = (
            f"{field}: {text[:SHOWN_CHARACTERS]}"
            for values in hits
            for field, value in zip(self.fields, values or (), strict=False)
            for text in _texts(value)
        )
        return list(islice(dict.fromkeys(told), SHOWN))

    def other_fields(self, hits: Iterable[Any]) -> list[str]:
        """The first fields that the hits have, none of which is a rule's."""
        for metadata in hits:
            if isinstance(metadata, msgspec.Raw):
                try:
                    metadata = msgspec.json.decode(metadata)  # noqa: PLW2901  (the same, read)
                except msgspec.DecodeError:
                    continue
            if isinstance(metadata, Mapping) and metadata:
                return [f"field {name}"[:SHOWN_CHARACTERS] for name in islice(metadata, SHOWN)]
        return ["no metadata"]


def _decoder(fields: Sequence[str]) -> Callable[[msgspec.Raw], Values]:
    """Reads the named fields of a JSON object and passes over all others."""
    names = [f"field_{at}" for at in range(len(fields))]
    kind = msgspec.defstruct(
        "Fields",
        [(name, Any, UNSET) for name in names],
        rename=dict(zip(names, fields, strict=True)),
        gc=False,
    )
    decode = msgspec.json.Decoder(kind).decode
    return lambda metadata: msgspec.structs.astuple(decode(metadata))


def _texts(value: Any) -> list[str]:
    """A value as texts that are compared: one for each of a list's; none where it has none."""
    if type(value) is str:
        return [_folded[value]]
    if isinstance(value, list | tuple):
        return [text for one in value for text in _texts(one)]
    if value is None or value is UNSET or isinstance(value, Mapping):
        return []
    if isinstance(value, float) and value.is_integer():
        return [str(int(value))]
    return [_folded[str(value)]]


def _stands_in(words: str, asked: str) -> bool:
    """Whether whole words of a text are ``asked``."""
    begin = words.find(asked)
    while begin >= 0:
        end = begin + len(asked)
        if not (words[begin - 1].isalnum() or words[end].isalnum()):
            return True
        begin = words.find(asked, begin + 1)
    return False
