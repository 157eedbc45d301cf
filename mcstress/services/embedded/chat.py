"""The routes of an Ollama, answered by rules: a stand-in that is no language model, and says so."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta
from starlette.routing import Route

from mcstress.services.embedded.bodies import BAD_REQUEST, MOST, Label, decode
from mcstress.services.embedded.demand_parsing import read_demand
from mcstress.services.embedded.http import RefusalError, answer, error_answer, read_body
from mcstress.services.embedded.judge import judge, question_decoder
from mcstress.services.embedded.lexicon import load_lexicon
from mcstress.services.embedded.paraphrase import paraphrase
from mcstress.services.llm.ollama_schema import whole_name

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

NOT_FOUND = 404
LONGEST_CONTENT = 64 * 1024
"""Characters of a message: the largest email, and the largest metadata of a hit, to be judged."""
MODELS = ("qwen2.5:latest", "embedded-rules:latest")
NOTE = "embedded rule-based stand-in, no language model"
MADE = "2025-01-01T00:00:00Z"
CANNOT = (
    "I am a rule-based stand-in, no language model: I can parse a demand, judge a hit, and "
    "paraphrase a query, each told by the JSON schema in `format`. This I cannot do"
)


class ChatMessage(msgspec.Struct):
    role: Label
    content: Annotated[str, Meta(max_length=LONGEST_CONTENT)]


class ChatOptions(msgspec.Struct):
    seed: int = 0


class Schema(msgspec.Struct):
    """What the rules need of a JSON schema."""

    properties: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"{}"))


class ChatBody(msgspec.Struct):
    """``format`` is a JSON schema, ``"json"``, or absent; of a schema, its properties are read."""

    model: Label
    messages: Annotated[list[ChatMessage], Meta(max_length=MOST)]
    format: Schema | str | None = None
    options: ChatOptions = msgspec.field(default_factory=ChatOptions)

    @property
    def properties(self) -> set[str]:
        """The properties that the schema in ``format`` asks for."""
        if not isinstance(self.format, Schema):
            return set()
        try:
            return set(properties_decoder.decode(self.format.properties))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return set()


properties_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
chat_decoder = msgspec.json.Decoder(ChatBody)


class Chat:
    """``/api/tags`` and ``/api/chat``."""

    def __init__(self) -> None:
        self.lexicon = load_lexicon()

    def routes(self) -> list[Route]:
        return [
            Route("/api/chat", self.chat, methods=["POST"]),
            Route("/api/tags", self.tags, methods=["GET"]),
        ]

    async def tags(self, _request: Request) -> Response:
        details = {"format": "rules", "family": "rules", "families": ["rules"], "note": NOTE}
        return answer(
            {
                "models": [
                    {
                        "name": name,
                        "model": name,
                        "modified_at": MADE,
                        "size": 0,
                        "digest": "",
                        "details": details,
                    }
                    for name in MODELS
                ]
            }
        )

    async def chat(self, request: Request) -> Response:
        started_ns = time.perf_counter_ns()
        body = decode(await read_body(request), chat_decoder)
        if whole_name(body.model) not in map(whole_name, MODELS):
            missing = f'model "{body.model}" not found, try pulling it first'
            return error_answer(NOT_FOUND, missing)
        if not body.messages:
            raise RefusalError(BAD_REQUEST, "messages: expected at least one")
        read_ns = time.perf_counter_ns()
        content = self.content(body)
        return answer(chat_answer(body, content, started_ns, read_ns))

    def content(self, body: ChatBody) -> str:
        """JSON in a string, or prose where the rules have no answer, as a model might."""
        text = body.messages[-1].content
        if {"role", "count"} <= body.properties:
            return written(read_demand(text, self.lexicon))
        if "rating" in body.properties:
            try:
                question = question_decoder.decode(text)
            except (msgspec.DecodeError, RecursionError) as error:
                return f"{CANNOT}: judge without a body and a hit ({error})."
            return written(judge(question, self.lexicon))
        if "paraphrase" in body.properties:
            reworded = paraphrase(text, self.lexicon, body.options.seed)
            return written({"paraphrase": reworded})
        return f"{CANNOT}."


def chat_answer(body: ChatBody, content: str, started_ns: int, read_ns: int) -> dict[str, Any]:
    """Ollama's answer around ``content``; tokens are words, durations are in ns, as measured."""
    ended_ns = time.perf_counter_ns()
    return {
        "model": body.model,
        "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "message": {"role": "assistant", "content": content},
        "done": True,
        "done_reason": "stop",
        "total_duration": ended_ns - started_ns,
        "load_duration": 0,
        "prompt_eval_count": sum(len(message.content.split()) for message in body.messages),
        "prompt_eval_duration": read_ns - started_ns,
        "eval_count": len(content.split()),
        "eval_duration": ended_ns - read_ns,
    }


def written(content: object) -> str:
    """``content`` as the JSON text of a message."""
    return msgspec.json.encode(content).decode()
