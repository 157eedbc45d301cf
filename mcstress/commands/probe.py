"""One search and one chat, as a run would send them: what ``mcstress check`` shows of a service.

Neither writes anything: the search asks no playbook, and the message goes to the LLM alone.
"""

from __future__ import annotations

from contextlib import closing, nullcontext
from typing import Literal
from uuid import uuid4

import msgspec

from mcstress.services.failure_reason import clip
from mcstress.services.gateway.client import Gateway
from mcstress.services.gateway.schema import SearchRequest
from mcstress.services.http.bearer_token import GATEWAY_TOKEN, LLM_TOKEN, authorization
from mcstress.services.http.transport import Transport
from mcstress.services.llm.ollama import Ollama
from mcstress.services.step import Step
from mcstress.services.trace_context import TraceContext
from mcstress.settings import Settings

SHOWN_CHARACTERS = 120


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. ``warn``: a run would go on; ``fail``: it would be refused."""

    mark: Literal["ok", "warn", "fail"]
    text: str


def search(settings: Settings, url: str) -> Finding:
    """Search for the scenario's first demand."""
    scenario = settings.scenario
    query = scenario.variants[0].contracts[0].demands[0].query
    request = SearchRequest(query_text=query, corpora=scenario.corpora, k=settings.top_k)
    with closing(_connection(settings, url, GATEWAY_TOKEN)) as transport:
        step = Gateway(transport, _no_listener).search(request, _trace())
    asked = f"search {clip(query, SHOWN_CHARACTERS)!r}"
    if step.answer is None:
        return Finding("fail", f"{asked}: {step.error}")
    hits = step.answer.results
    if not hits:
        return Finding("warn", f"{asked}: nothing found, {step.latency_ms:.0f} ms")
    first = f"the first is {clip(hits[0].id)} of {clip(hits[0].corpus)}"
    return Finding("ok", f"{asked}: {len(hits)} hits, {first}, {step.latency_ms:.0f} ms")


def chat(settings: Settings, url: str) -> Finding:
    """Let the LLM parse the scenario's first message."""
    messages = settings.scenario.variants[0].inbox
    if not messages:
        return Finding("ok", "chat: not sent, for the scenario has no message")
    body = messages[0].body
    with closing(_connection(settings, url, LLM_TOKEN)) as transport:
        step = _ollama(settings, transport).parse_demand(body, _trace())
    asked = f"chat {clip(body, SHOWN_CHARACTERS)!r}"
    if step.error is not None:
        return Finding("fail", f"{asked}: {step.error}")
    took = f"{step.latency_ms:.0f} ms"
    if step.answer is None:
        return Finding("warn", f"{asked}: the answer cannot be used, {step.unparseable}, {took}")
    demand = f"{step.answer.count} {clip(step.answer.role)} in {clip(step.answer.location)}"
    return Finding("ok", f"{asked}: understood as {demand}, {took}")


def _connection(settings: Settings, url: str, token: str) -> Transport:
    """A connection as a user's, with the token where it belongs there."""
    return Transport(
        url,
        connect_timeout_s=settings.timeout_s,
        timeout_s=settings.timeout_s,
        headers=authorization(token, url, settings.token_hosts),
        size_limit_bytes=settings.max_answer_bytes,
    )


def _ollama(settings: Settings, transport: Transport) -> Ollama:
    return Ollama(
        transport,
        model=settings.llm_model,
        seed=settings.seed,
        slots=nullcontext(),
        on_step=_no_listener,
    )


def _trace() -> TraceContext:
    """A trace that nobody records."""
    return TraceContext(uuid4().hex, sampled=False)


def _no_listener(step: Step[object]) -> None:
    """These calls are in no statistics."""
