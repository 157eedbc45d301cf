"""The LLM, over Ollama's API: structured answers at temperature 0."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import msgspec

from mcstress.services.call import Answer, Endpoint, OnStep, call
from mcstress.services.failure_reason import DECODE_ERRORS
from mcstress.services.gateway import schema as wire
from mcstress.services.gateway import validation as validity
from mcstress.services.http.transport import Transport
from mcstress.services.llm import prompts
from mcstress.services.llm import schema as wire_llm
from mcstress.services.llm.unparseable import content_fault
from mcstress.services.reading import read_content
from mcstress.services.step import Step
from mcstress.services.surrogates import without_lone_surrogates
from mcstress.services.trace_context import TraceContext

Fault = Callable[[Answer], str | None]

CHAT = "/api/chat"
PARSE_DEMAND = Endpoint("llm.parse_demand", CHAT, wire_llm.chat_decoder, validity.chat_fault)
JUDGE_TOP1 = Endpoint("llm.judge_top1", CHAT, wire_llm.chat_decoder, validity.chat_fault)
PARAPHRASE = Endpoint("llm.paraphrase", CHAT, wire_llm.chat_decoder, validity.chat_fault)

PARSED_DEMAND_SCHEMA = wire_llm.schema_of(wire_llm.ParsedDemand)
JUDGEMENT_SCHEMA = wire_llm.schema_of(wire_llm.Judgement)
PARAPHRASE_SCHEMA = wire_llm.schema_of(wire_llm.Paraphrase)


class Ollama:
    """Its calls as Steps. Content that is not what was asked for is ``unparseable``, no error.

    ``slots`` caps the calls in flight of this process; the wait for one is the step's ``queue_ms``.
    """

    def __init__(
        self,
        transport: Transport,
        model: str,
        seed: int,
        slots: AbstractContextManager[Any],
        on_step: OnStep,
    ) -> None:
        self._transport = transport
        self._model = model
        self._options = wire_llm.ChatOptions(temperature=0, seed=seed)
        self._slots = slots
        self._on_step = on_step

    def parse_demand(self, body: str, trace: TraceContext) -> Step[wire_llm.ParsedDemand]:
        """Step ``llm.parse_demand``: what the message ``body`` asks for."""
        request = self._request(prompts.PARSE_DEMAND, body, PARSED_DEMAND_SCHEMA)
        return self._chat(PARSE_DEMAND, request, trace, wire_llm.parsed_demand_decoder)

    def judge_top1(
        self, body: str, hit: wire.JudgedHit, trace: TraceContext
    ) -> Step[wire_llm.Judgement]:
        """Step ``llm.judge_top1``: how well the top ``hit`` serves the message ``body``."""
        question = {"body": body, "hit": hit}
        # Metadata is passed on unread, and may hold bytes that are no UTF-8, or half a surrogate.
        text = without_lone_surrogates(wire.encode(question)).decode("utf-8", "replace")
        request = self._request(prompts.JUDGE_TOP1, text, JUDGEMENT_SCHEMA)
        return self._chat(JUDGE_TOP1, request, trace, wire_llm.judgement_decoder)

    def paraphrase(self, query: str, trace: TraceContext) -> Step[wire_llm.Paraphrase]:
        """Step ``llm.paraphrase``: ``query`` in other words."""
        request = self._request(prompts.PARAPHRASE, query, PARAPHRASE_SCHEMA)
        fault = partial(validity.paraphrase_fault, query)
        return self._chat(PARAPHRASE, request, trace, wire_llm.paraphrase_decoder, fault)

    def _request(self, system: str, user: str, schema: dict[str, Any]) -> wire_llm.ChatRequest:
        return wire_llm.ChatRequest(
            model=self._model,
            messages=[
                wire_llm.ChatMessage("system", system),
                wire_llm.ChatMessage("user", user),
            ],
            format=schema,
            options=self._options,
        )

    def _chat(
        self,
        endpoint: Endpoint[wire_llm.ChatRequest, wire_llm.ChatAnswer],
        request: wire_llm.ChatRequest,
        trace: TraceContext,
        decoder: msgspec.json.Decoder[Answer],
        fault: Fault[Answer] | None = None,
    ) -> Step[Answer]:
        asked = time.perf_counter()
        with self._slots:
            queue_ms = (time.perf_counter() - asked) * 1000
            chat = call(self._transport, endpoint, request, trace)
        step = with_content(chat, decoder, fault)
        step.queue_ms = queue_ms
        self._on_step(step)
        return step


def with_content(
    chat: Step[wire_llm.ChatAnswer],
    decoder: msgspec.json.Decoder[Answer],
    fault: Fault[Answer] | None = None,
) -> Step[Answer]:
    """``chat`` with what the model wrote for its answer, or why that is unparseable.

    ``fault`` says what is wrong with it beyond its types.
    """
    step: Step[Answer] = msgspec.structs.replace(chat, answer=None)  # type: ignore[arg-type]  # of another answer from here on
    if chat.answer is None:
        return step
    try:
        answer = read_content(decoder, chat.answer.message.content or "")
    except DECODE_ERRORS as error:
        step.unparseable = content_fault(error, chat.answer)
        return step
    step.unparseable = fault(answer) if fault is not None else None
    if step.unparseable is None:
        step.answer = answer
    return step
