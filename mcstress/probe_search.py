"""One search before the load, as a run would send it: what it shows of the rules of relevance.

It asks no playbook and writes nothing.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

import msgspec

from mcstress.errors import ServiceRefusalError
from mcstress.services.failure_reason import clip
from mcstress.services.step import Step
from mcstress.services.target import CLASS_FAULT, Found, Search
from mcstress.services.target_class import OPTION, asked, make_target
from mcstress.services.trace_context import TraceContext
from mcstress.settings import Settings
from mcstress.users.relevance import Rules

SHOWN_CHARACTERS = 120
TRACE_ID = "0" * 31 + "f"
"""Of the trace that nobody records: a service can tell these searches from a run's."""


class FirstSearch(msgspec.Struct, frozen=True):
    """What was ``asked``, in words, the step, and which fields of rules no hit has."""

    asked: str
    step: Step[Any]
    missing: str

    @property
    def found(self) -> Found | None:
        """What was found; None where the search failed."""
        found: Found | None = self.step.answer
        return found


def first_search(settings: Settings, url: str) -> FirstSearch:
    """Search for the scenario's first demand."""
    scenario = settings.scenario
    query = scenario.variants[0].contracts[0].demands[0].query
    wanted = Search(query, scenario.corpora, settings.top_k)
    rules = Rules(scenario) if scenario.relevance else None
    if rules is not None:
        wanted.metadata, wanted.fields = True, rules.fields
    with closing(make_target(settings.target, settings.target_setup(url))) as target:
        place = f"{OPTION} {settings.target}: search"
        step = asked(place, lambda: target.search(wanted, untraced()), Step)
    missing = ""
    if rules is not None and step.answer is not None and step.answer.hits:
        missing = clip(rules.missing(step.answer.metadata or []), 2 * SHOWN_CHARACTERS)
    return FirstSearch(f"search {clip(query, SHOWN_CHARACTERS)!r}", step, missing)


def said_of_first_search(settings: Settings, url: str) -> list[str]:
    """What a user must know of the rules before the load, a line each.

    A stack with faults is not asked: they count from the first search on. A search that fails is
    no matter of the rules: the run's own figures tell of it. But a class of a user's own that gives
    what no target gives is refused: ServiceRefusalError.
    """
    has_rules = settings.scenario.relevance and "baseline" in settings.phases
    is_class = settings.target and not settings.target_name.file
    if not (has_rules or is_class) or settings.stack_faults:
        return []
    first = first_search(settings, url)
    if first.step.error is not None and first.step.error.startswith(CLASS_FAULT):
        said = first.step.error.removeprefix(CLASS_FAULT)
        raise ServiceRefusalError(f"{OPTION} {settings.target}: {said}")
    return [f"{first.asked}: relevance: {first.missing}"] if first.missing else []


def untraced() -> TraceContext:
    """A trace that nobody records."""
    return TraceContext(TRACE_ID, sampled=False)
