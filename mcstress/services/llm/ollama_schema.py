"""What goes over the wire to Ollama: ``/api/chat`` and ``/api/tags``."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from mcstress.services.gateway.schema import ServiceAnswer

TAGS = "/api/tags"


class ChatMessage(msgspec.Struct):
    """One message of a conversation."""

    role: str
    content: str


class ChatOptions(msgspec.Struct, omit_defaults=True):
    """``temperature`` 0 and a ``seed``: the same question gets the same answer.

    ``num_predict`` is the most tokens of an answer.
    """

    temperature: float
    seed: int
    num_predict: int = 0


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
    """``GET /api/tags``. ``data``: llama.cpp's server answers with OpenAI's list in it."""

    models: list[Model]
    data: Any = None


chat_decoder = msgspec.json.Decoder(ChatAnswer)
tags_decoder = msgspec.json.Decoder(TagsAnswer)


def whole_name(name: str) -> str:
    """A model's name as Ollama compares it: in any case, with its tag, without what is implied."""
    whole = name.strip().casefold()
    for implied in ("registry.ollama.ai/", "library/"):
        whole = whole.removeprefix(implied)
    return whole if ":" in whole.rpartition("/")[2] else f"{whole}:latest"
