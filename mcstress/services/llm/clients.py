"""Which client speaks to the language model, by its API; and what an answer says of its cost."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Literal, Self, TypeVar

import msgspec

from mcstress.services.failure_reason import DECODE_ERRORS
from mcstress.services.lenient_decoding import read
from mcstress.services.llm.language_model import (
    ChatModel,
    JudgedHit,
    Judgement,
    LanguageModel,
    ModelSetup,
    Paraphrase,
)
from mcstress.services.llm.ollama import Ollama
from mcstress.services.llm.openai import OpenAI
from mcstress.services.llm.prompts import ParsedDemand
from mcstress.services.step import Step
from mcstress.services.trace_context import TraceContext

Api = Literal["ollama", "openai"]
CLIENTS: dict[Api, type[ChatModel]] = {"ollama": Ollama, "openai": OpenAI}
API_NAMES: dict[Api, str] = {"ollama": "Ollama's API", "openai": "OpenAI's API"}

NO_MODEL = "there is no language model"
"""Why what needs one is left out."""

Decoded = TypeVar("Decoded")


class NoLanguageModel:
    """What a run without a language model has in its place; the phases that ask it are left out."""

    def connect(self) -> Self:
        """Nothing to connect to."""
        return self

    def close(self) -> None:
        """Nothing is open."""

    def parse(self, message: str, trace: TraceContext) -> Step[ParsedDemand]:
        """Asked by nobody."""
        raise NotImplementedError(NO_MODEL)

    def judge(self, message: str, hit: JudgedHit, trace: TraceContext) -> Step[Judgement]:
        """Asked by nobody."""
        raise NotImplementedError(NO_MODEL)

    def paraphrase(self, query: str, trace: TraceContext) -> Step[Paraphrase]:
        """Asked by nobody."""
        raise NotImplementedError(NO_MODEL)


def make_language_model(
    api: Api | None, setup: ModelSetup, slots: AbstractContextManager[Any]
) -> LanguageModel:
    """The client of this process; ``slots`` caps its calls in flight. ``api`` None: no model."""
    return NoLanguageModel() if api is None else CLIENTS[api](setup, slots)


class Cost(msgspec.Struct, frozen=True):
    """The model that answered, and the tokens in and out, as its answer has them."""

    model: str | None = None
    tokens: dict[str, int] | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Answer(msgspec.Struct):
    """Either API's."""

    model: str | None = None
    prompt_eval_count: int = 0
    eval_count: int = 0
    usage: _Usage | None = None


class _Request(msgspec.Struct):
    model: str | None = None


_answer = msgspec.json.Decoder(_Answer)
_request = msgspec.json.Decoder(_Request)


def cost_of(request: bytes, response: bytes) -> Cost:
    """What the bodies of an LLM step say of its cost; the model is the request's where unsaid."""
    answer = _decoded(_answer, response) or _Answer()
    asked = _decoded(_request, request) or _Request()
    usage = answer.usage or _Usage(answer.prompt_eval_count, answer.eval_count)
    said = usage.prompt_tokens or usage.completion_tokens
    tokens = {"input": usage.prompt_tokens, "output": usage.completion_tokens} if said else None
    return Cost(answer.model or asked.model, tokens)


def _decoded(decoder: msgspec.json.Decoder[Decoded], body: bytes) -> Decoded | None:
    try:
        return read(decoder, body)
    except DECODE_ERRORS:
        return None
