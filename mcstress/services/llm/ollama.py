"""A language model over Ollama's API."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import msgspec

from mcstress.services.call import Endpoint, call
from mcstress.services.llm.content import Said
from mcstress.services.llm.language_model import ChatModel, Turn, schema_of
from mcstress.services.llm.ollama_schema import (
    ChatAnswer,
    ChatMessage,
    ChatOptions,
    ChatRequest,
    chat_decoder,
)
from mcstress.services.step import Step
from mcstress.services.trace_context import TraceContext

CHAT = "/api/chat"


def chat_fault(_: ChatRequest, answer: ChatAnswer) -> str | None:
    """A message that is not done."""
    return None if answer.done else "done: false where nothing was to be streamed"


@cache
def _endpoint(name: str) -> Endpoint[ChatRequest, ChatAnswer]:
    return Endpoint(name, CHAT, chat_decoder, chat_fault)


@cache
def _schema(answer: type[msgspec.Struct]) -> dict[str, Any]:
    return schema_of(answer)


class Ollama(ChatModel):
    """Ollama, or what speaks its API."""

    def _chat(self, question: Turn, trace: TraceContext) -> Step[Said]:
        setup = self.setup
        request = ChatRequest(
            model=setup.model,
            messages=[
                ChatMessage("system", question.system),
                ChatMessage("user", question.user),
            ],
            format=_schema(question.answer),
            options=ChatOptions(temperature=0, seed=setup.seed, num_predict=setup.max_tokens),
        )
        answered = call(self._transport, _endpoint(question.name), request, trace)
        answer = answered.answer
        step = cast("Step[Said]", answered)
        if answer is not None:
            message = answer.message
            step.answer = Said(message.content or "", bool(message.thinking), answer.done_reason)
        return step
