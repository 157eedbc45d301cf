"""What goes over the wire to Ollama (``/api/chat``, ``/api/tags``), and what its content holds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from mcstress.services.gateway.schema import ServiceAnswer


class ChatMessage(msgspec.Struct):
    """One message of a conversation."""

    role: str
    content: str


class ChatOptions(msgspec.Struct):
    """``temperature`` 0 and a ``seed``: the same question gets the same answer."""

    temperature: float
    seed: int


class ChatRequest(msgspec.Struct):
    """``POST /api/chat``; ``format`` is the JSON schema that the content has to follow."""

    model: str
    messages: list[ChatMessage]
    format: dict[str, Any]
    options: ChatOptions
    stream: Literal[False] = False


class SaidMessage(msgspec.Struct):
    """What the model said; ``thinking`` is what it said to itself before, apart from content."""

    content: str | None
    thinking: Any = None


class ChatAnswer(ServiceAnswer):
    """The one message of an answer that is ``done``; its content is JSON in a string.

    ``done_reason`` says why it ended: ``stop``, ``length`` (cut), ``load`` (nothing was asked).
    """

    message: SaidMessage
    done: bool
    done_reason: Any = None


class ModelDetails(msgspec.Struct):
    """``family`` is ``rules`` where the stand-in of the embedded stack answers."""

    family: Any = None


class Model(msgspec.Struct):
    """A model that Ollama has, as ``NAME:TAG``."""

    name: str
    details: ModelDetails | None = None

    @property
    def family(self) -> Any:
        """What it says of its kind, if anything."""
        return self.details.family if self.details else None


class TagsAnswer(ServiceAnswer):
    """``GET /api/tags``."""

    models: list[Model]


class ParsedDemand(msgspec.Struct):
    """What a message asks for."""

    role: str
    count: Annotated[int, Meta(ge=0)]
    location: str
    certs: list[str]
    skills: list[str]
    shift: str


class Judgement(msgspec.Struct):
    """How well a hit serves a message: 1 not at all, 5 fully."""

    rating: Annotated[int, Meta(ge=1, le=5)]
    reason: str


class Paraphrase(msgspec.Struct):
    """The same query in other words."""

    paraphrase: str


chat_decoder = msgspec.json.Decoder(ChatAnswer)
tags_decoder = msgspec.json.Decoder(TagsAnswer)
parsed_demand_decoder = msgspec.json.Decoder(ParsedDemand)
judgement_decoder = msgspec.json.Decoder(Judgement)
paraphrase_decoder = msgspec.json.Decoder(Paraphrase)


def schema_of(answer: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of a flat struct, without ``$ref``, which Ollama does not follow."""
    _, components = msgspec.json.schema_components([answer])
    schema: dict[str, Any] = components[answer.__name__]
    return schema


def whole_name(name: str) -> str:
    """A model's name as Ollama compares it: in any case, with its tag, without what is implied."""
    whole = name.strip().casefold()
    for implied in ("registry.ollama.ai/", "library/"):
        whole = whole.removeprefix(implied)
    return whole if ":" in whole.rpartition("/")[2] else f"{whole}:latest"
