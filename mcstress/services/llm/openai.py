"""A language model over OpenAI's API: ``/v1/chat/completions`` and ``/v1/models``.

vLLM, llama.cpp's server, LM Studio, LiteLLM and hosted models speak it, each a part of it: what a
server refuses with 400 or 422 is asked for no more.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Literal, cast

import msgspec

from mcstress.services.call import Endpoint, call
from mcstress.services.gateway.schema import ServiceAnswer
from mcstress.services.llm.content import Said
from mcstress.services.llm.language_model import ChatModel, ModelSetup, Turn, schema_of
from mcstress.services.step import Step
from mcstress.services.trace_context import TraceContext

CHAT, MODELS = "/v1/chat/completions", "/v1/models"
REFUSED = (400, 422)
"""Bad Request, and what FastAPI says for it."""


class ChatMessage(msgspec.Struct):
    """One message of a conversation."""

    role: str
    content: str


class ChatRequest(msgspec.Struct, omit_defaults=True):
    """``POST /v1/chat/completions``; ``response_format`` asks for JSON, by a schema or any."""

    model: str
    messages: list[ChatMessage]
    temperature: float
    seed: int
    max_tokens: int = 0
    response_format: dict[str, Any] | None = None
    stream: Literal[False] = False


class SaidMessage(msgspec.Struct):
    """What the model said. ``content`` is null where it said nothing, or refused.

    ``reasoning_content`` is what it said to itself before, as vLLM and llama.cpp have it.
    """

    content: str | None = None
    reasoning_content: Any = None


class Choice(msgspec.Struct):
    """One answer; ``finish_reason`` says why it ended: ``stop``, ``length`` (cut)."""

    message: SaidMessage
    finish_reason: Any = None


class ChatAnswer(ServiceAnswer):
    """The answer to one question: a single choice."""

    choices: list[Choice]


class Model(msgspec.Struct):
    """A model that the server has."""

    id: str


class ModelsAnswer(ServiceAnswer):
    """``GET /v1/models``."""

    data: list[Model]


def chat_fault(_: ChatRequest, answer: ChatAnswer) -> str | None:
    """No choice at all."""
    return None if answer.choices else "choices: none where one was due"


chat_decoder = msgspec.json.Decoder(ChatAnswer)
models_decoder = msgspec.json.Decoder(ModelsAnswer)

Format = Literal["json_schema", "json_object", "none"]
FORMATS: tuple[Format, ...] = ("json_schema", "json_object", "none")


class FormatInUse:
    """The best response format that the server takes; shared by the users of a process."""

    def __init__(self) -> None:
        self.left: tuple[Format, ...] = FORMATS
        """What to ask for, and what where that is refused; one, once a question was answered."""

    def took(self, format_: Format) -> None:
        """The server answered a question with it."""
        self.left = (format_,)


@cache
def _response_format(format_: Format, answer: type[msgspec.Struct]) -> dict[str, Any] | None:
    if format_ == "none":
        return None
    if format_ == "json_object":
        return {"type": "json_object"}
    # OpenAI's own strict mode wants it said that there is no other member.
    schema = {**schema_of(answer), "additionalProperties": False}
    named = {"name": answer.__name__, "strict": True, "schema": schema}
    return {"type": "json_schema", "json_schema": named}


@cache
def _endpoint(name: str, path: str) -> Endpoint[ChatRequest, ChatAnswer]:
    return Endpoint(name, path, chat_decoder, chat_fault)


class OpenAI(ChatModel):
    """A server that speaks OpenAI's API; its URL may end in ``/v1``, or not."""

    def __init__(self, setup: ModelSetup, slots: AbstractContextManager[Any]) -> None:
        super().__init__(setup, slots)
        self._formats = FormatInUse()
        self._path = path_at(setup.url, CHAT)

    def _chat(self, question: Turn, trace: TraceContext) -> Step[Said]:
        """The first refusal is shown where a plain question is refused, too: it was no format."""
        refused: Step[ChatAnswer] | None = None
        for format_ in self._formats.left:
            step = self._answered(question, format_, trace)
            if step.status not in REFUSED:
                if step.error is None:
                    self._formats.took(format_)
                return _said(step)
            refused = refused or step
        assert refused is not None
        return _said(refused)

    def _answered(self, question: Turn, format_: Format, trace: TraceContext) -> Step[ChatAnswer]:
        setup = self.setup
        request = ChatRequest(
            model=setup.model,
            messages=[
                ChatMessage("system", question.system),
                ChatMessage("user", question.user),
            ],
            temperature=0,
            seed=setup.seed,
            max_tokens=setup.max_tokens,
            response_format=_response_format(format_, question.answer),
        )
        return call(self._transport, _endpoint(question.name, self._path), request, trace)


def _said(answered: Step[ChatAnswer]) -> Step[Said]:
    answer = answered.answer
    step = cast("Step[Said]", answered)
    if answer is not None:
        message, reason = answer.choices[0].message, answer.choices[0].finish_reason
        step.answer = Said(message.content or "", bool(message.reasoning_content), reason)
    return step


def path_at(url: str, path: str) -> str:
    """``path`` for a base URL that may hold its ``/v1`` already."""
    return path.removeprefix("/v1") if url.rstrip("/").endswith("/v1") else path
