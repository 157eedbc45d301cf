"""One search and one chat, as a run would send them: what ``mcstress check`` shows of a service.

Neither writes anything: the search asks no playbook, and the message goes to the LLM alone. With
``--probe`` and a target's file each of its operations is tried; that writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext
from typing import Literal

import msgspec

from mcstress.errors import UsageError
from mcstress.probe_search import SHOWN_CHARACTERS, first_search, untraced
from mcstress.services.failure_reason import clip
from mcstress.services.llm.clients import make_language_model
from mcstress.services.preflight import ModelFacts
from mcstress.services.target_class import make_target
from mcstress.services.toml.probe import Probe, secret_origins
from mcstress.services.toml.target import TomlTarget
from mcstress.settings import Settings
from mcstress.users.scenarios.expand import inbox_query


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. ``warn``: a run would go on; ``fail``: it would be refused."""

    mark: Literal["ok", "warn", "fail"]
    text: str


def search(settings: Settings, url: str) -> Finding:
    """Search for the scenario's first demand."""
    try:
        first = first_search(settings, url)
    except UsageError as fault:
        return Finding("fail", str(fault))
    asked, step = first.asked, first.step
    if first.found is None:
        return Finding("fail", f"{asked}: {step.error}")
    hits = first.found.hits
    if not hits:
        return Finding("warn", f"{asked}: nothing found, {step.latency_ms:.0f} ms")
    if first.missing:
        return Finding("warn", f"{asked}: relevance: {first.missing}")
    told = f"the first is {clip(hits[0].id)} of {clip(hits[0].corpus)}"
    return Finding("ok", f"{asked}: {len(hits)} hits, {told}, {step.latency_ms:.0f} ms")


def each_operation(settings: Settings, url: str) -> Iterator[Finding]:
    """One request of each operation of a target's file; what is written is marked, and listed."""
    demand = settings.scenario.variants[0].contracts[0].demands[0]
    try:
        target = make_target(settings.target, settings.target_setup(url))
    except UsageError:
        return  # told by the look at the target
    assert isinstance(target, TomlTarget)
    with closing(target):
        for one in Probe(target, demand.query, demand.role, settings.top_k).run():
            yield Finding(one.mark, one.text)


def secrets(settings: Settings, url: str) -> Iterator[Finding]:
    """Where each variable of a target's file goes; nothing is sent."""
    try:
        target = make_target(settings.target, settings.target_setup(url))
    except UsageError:
        return  # told by the look at the target
    with closing(target):
        for told in secret_origins(target) if isinstance(target, TomlTarget) else ():
            yield Finding("ok", f"secret: {told}")


def chat(settings: Settings, url: str, model: ModelFacts) -> Finding:
    """Let the LLM parse the scenario's first message."""
    messages = settings.scenario.variants[0].inbox
    if not messages:
        return Finding("ok", "chat: not sent, for the scenario has no message")
    body = messages[0].body
    setup = settings.llm_setup(url, model)
    with closing(make_language_model(model.api, setup, nullcontext())) as llm:
        step = llm.parse(body, untraced())
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
