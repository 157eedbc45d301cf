"""What the rules of relevance must keep: each says one thing, and something is asked by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcstress.users.scenarios.expand import asked_values
from mcstress.users.scenarios.scenario_error import FaultError, entry, twice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcstress.users.scenarios.model import RelevanceRule, Scenario


def relevance_faults(scenario: Scenario) -> Iterator[str]:
    """Rules with both or neither of ``is`` and ``has``, weights of no use, unknown placeholders."""
    for index, rule in enumerate(scenario.relevance):
        place = entry("relevance", index)
        yield from _words(place, rule)
        yield from _weight(place, rule)
        yield from _asked(place, rule, scenario)
    said = [f"{rule.field} {template_of(rule)}" for rule in scenario.relevance]
    yield from twice("relevance", said)
    if scenario.relevance and not any(rule.weight for rule in scenario.relevance):
        yield "relevance: found weight 0 in each rule, expected one above 0"


def template_of(rule: RelevanceRule) -> str:
    """The rule's text, with its placeholders."""
    return rule.is_ or rule.has or ""


def _words(place: str, rule: RelevanceRule) -> Iterator[str]:
    if rule.is_ is None and rule.has is None:
        yield f"{place}: found neither is nor has, expected one of them"
    if rule.is_ is not None and rule.has is not None:
        yield f"{place}: found both is and has, expected one of them"


def _weight(place: str, rule: RelevanceRule) -> Iterator[str]:
    if rule.must and not rule.weight:
        yield (
            f"{place}.weight: found 0 for what must hold, expected more than 0: a hit that fits "
            "has a gain above 0"
        )


def _asked(place: str, rule: RelevanceRule, scenario: Scenario) -> Iterator[str]:
    key = "has" if rule.is_ is None else "is"
    demands = (
        demand
        for variant in scenario.variants
        for contract in variant.contracts
        for demand in contract.demands
    )
    try:
        if not any(asked_values(template_of(rule), demand) for demand in demands):
            yield f'{place}.{key}: found "{template_of(rule)}", which no demand has words for'
    except FaultError as fault:
        yield f"{place}.{key}: {fault}"
