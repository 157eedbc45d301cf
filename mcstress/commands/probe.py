"""One search and one chat, as a run would send them: what ``mcstress check`` shows of a service.

Neither writes anything: the search asks no playbook, and the message goes to the LLM alone.
"""

from __future__ import annotations

from contextlib import closing, nullcontext
from typing import Literal
from uuid import uuid4

import msgspec

from mcstress.services.failure_reason import clip
from mcstress.services.llm.clients import make_language_model
from mcstress.services.preflight import ModelFacts
from mcstress.services.target import Search
from mcstress.services.target_class import make_target
from mcstress.services.trace_context import TraceContext
from mcstress.settings import Settings
from mcstress.users.relevance import Rules
from mcstress.users.scenarios.expand import inbox_query

SHOWN_CHARACTERS = 120


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. ``warn``: a run would go on; ``fail``: it would be refused."""

    mark: Literal["ok", "warn", "fail"]
    text: str


def search(settings: Settings, url: str) -> Finding:
    """Search for the scenario's first demand."""
    scenario = settings.scenario
    query = scenario.variants[0].contracts[0].demands[0].query
    wanted = Search(query, scenario.corpora, settings.top_k)
    rules = Rules(scenario) if scenario.relevance else None
    if rules is not None:
        wanted.metadata, wanted.fields = True, rules.fields
    with closing(make_target(settings.target, settings.target_setup(url))) as target:
        step = target.search(wanted, _trace())
    asked = f"search {clip(query, SHOWN_CHARACTERS)!r}"
    if step.answer is None:
        return Finding("fail", f"{asked}: {step.error}")
    hits = step.answer.hits
    if not hits:
        return Finding("warn", f"{asked}: nothing found, {step.latency_ms:.0f} ms")
    first = f"the first is {clip(hits[0].id)} of {clip(hits[0].corpus)}"
    if rules is not None and (said := rules.missing(step.answer.metadata or [])):
        return Finding("warn", f"{asked}: relevance: {clip(said, 2 * SHOWN_CHARACTERS)}")
    return Finding("ok", f"{asked}: {len(hits)} hits, {first}, {step.latency_ms:.0f} ms")


def chat(settings: Settings, url: str, model: ModelFacts) -> Finding:
    """Let the LLM parse the scenario's first message."""
    messages = settings.scenario.variants[0].inbox
    if not messages:
        return Finding("ok", "chat: not sent, for the scenario has no message")
    body = messages[0].body
    setup = settings.llm_setup(url, model)
    with closing(make_language_model(model.api, setup, nullcontext())) as llm:
        step = llm.parse(body, _trace())
    asked = f"chat {clip(body, SHOWN_CHARACTERS)!r}"
    if step.error is not None:
        return Finding("fail", f"{asked}: {step.error}")
    took = f"{step.latency_ms:.0f} ms"
    if step.answer is None:
        return Finding("warn", f"{asked}: the answer cannot be used, {step.unparseable}, {took}")
    demand = clip(
        inbox_query(settings.scenario.templates.inbox_query, step.answer), SHOWN_CHARACTERS
    )
    return Finding("ok", f"{asked}: understood as {demand!r}, {took}")


def _trace() -> TraceContext:
    """A trace that nobody records."""
    return TraceContext(uuid4().hex, sampled=False)
