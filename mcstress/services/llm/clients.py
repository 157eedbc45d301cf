"""Which client speaks to the language model, by its API; and what an answer says of its cost."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Literal, TypeVar

import msgspec

from mcstress.services.failure_reason import DECODE_ERRORS
from mcstress.services.llm.language_model import ChatModel, LanguageModel, ModelSetup
from mcstress.services.llm.ollama import Ollama
from mcstress.services.llm.openai import OpenAI
from mcstress.services.reading import read

Api = Literal["ollama", "openai"]
CLIENTS: dict[Api, type[ChatModel]] = {"ollama": Ollama, "openai": OpenAI}
API_NAMES: dict[Api, str] = {"ollama": "Ollama's API", "openai": "OpenAI's API"}

Decoded = TypeVar("Decoded")


def make_language_model(
    api: Api, setup: ModelSetup, slots: AbstractContextManager[Any]
) -> LanguageModel:
    """The client of this process; ``slots`` caps its calls in flight."""
    return CLIENTS[api](setup, slots)


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
