"""What a step of an event is in Langfuse."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

import msgspec

from tracing.observation import Kind, Level, Observation
from tracing.trace import Trace, TraceRun

if TYPE_CHECKING:
    from metrics.event import Event
    from services.step import Step

LLM_PREFIX = "llm."
SEARCH = "matrix.search"

_NO_SPAN = "0" * 16
_SPAN_ID = re.compile("[0-9a-f]{16}")

Decoded = TypeVar("Decoded")


class _ChatAnswer(msgspec.Struct):
    """What Ollama's answer says of itself."""

    model: str | None = None
    prompt_eval_count: int = 0
    eval_count: int = 0


class _ChatRequest(msgspec.Struct):
    model: str | None = None


_chat_answer = msgspec.json.Decoder(_ChatAnswer)
_chat_request = msgspec.json.Decoder(_ChatRequest)


class Translator:
    """Makes observations of a run's steps. ``body_bytes`` is what is kept of a body."""

    def __init__(self, run: TraceRun, worker: str, body_bytes: int) -> None:
        self._worker = worker
        self._body_bytes = body_bytes
        self._trace = lru_cache(maxsize=4096)(
            lambda trio, round_, phase: Trace.of_phase(run, trio, round_, phase)
        )

    def observation(self, event: Event, step: Step[object]) -> Observation:
        """The observation of a ``step`` of ``event``."""
        start_ns = round(step.start_s * 1e9)
        kind: Kind = "retriever" if step.name == SEARCH else "span"
        observation = Observation(
            trace=self._trace(event.trio, event.round, event.phase),
            span_id=step.span_id if _is_span_id(step.span_id) else _own_id(event, step),
            name=step.name,
            kind=kind,
            start_ns=start_ns,
            end_ns=start_ns + max(0, round(step.latency_ms * 1e6)),
            input=self._text(step.request),
            output=self._text(step.response),
            metadata=self._metadata(event, step),
        )
        observation.level, observation.message = _verdict(step)
        if step.name.startswith(LLM_PREFIX):
            observation.kind = "generation"
            _add_model(observation, step)
        return observation

    def _metadata(self, event: Event, step: Step[object]) -> dict[str, str]:
        """Who did it for whom, and where the event stands in the evidence."""
        metadata = {
            "coordinator": event.coordinator,
            "event": f"{event.worker or self._worker}/{event.seq}",
            "outcome": event.outcome,
            "url": _address(step.url),
        }
        if event.contract:
            metadata["contract"] = event.contract
        if event.role:
            metadata["role"] = event.role
        if event.arm:
            metadata["arm"] = event.arm
        if event.namespace:
            metadata["namespace"] = event.namespace
        if step.status:
            metadata["status"] = str(step.status)
        if step.queue_ms:
            metadata["queue_ms"] = f"{step.queue_ms:.3f}"
        return metadata

    def _text(self, body: bytes) -> str | None:
        """A body as text that every server stores, cut with a mark where it is too long."""
        if not body:
            return None
        text = body[: self._body_bytes].decode("utf-8", "replace")
        if "\0" in text:  # Postgres, under the older servers, refuses it
            text = text.replace("\0", "\ufffd")
        if len(body) > self._body_bytes:
            text += f"… [cut: {self._body_bytes} of {len(body)} bytes]"
        return text


@lru_cache(maxsize=256)
def _address(url: str) -> str:
    """``url`` without what may hold a secret: user, password and query."""
    before, _, rest = url.partition("?")[0].rpartition("@")
    return f"{before.partition('//')[0]}//{rest}" if before else rest


def _verdict(step: Step[object]) -> tuple[Level, str | None]:
    """The level and its message: a failed step is an error, unparseable content a warning."""
    if step.error is not None:
        return "ERROR", _clean(step.error)
    if step.unparseable is not None:
        return "WARNING", _clean(step.unparseable)
    return "DEFAULT", None


def _clean(text: str) -> str:
    """``text`` without what UTF-8 cannot carry."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _add_model(observation: Observation, step: Step[object]) -> None:
    """Model and token usage, as Ollama's answer has them; the model else from the request."""
    answer = _decoded(_chat_answer, step.response) or _ChatAnswer()
    request = _decoded(_chat_request, step.request) or _ChatRequest()
    observation.model = answer.model or request.model
    if answer.prompt_eval_count or answer.eval_count:
        observation.usage = {"input": answer.prompt_eval_count, "output": answer.eval_count}


def _decoded(decoder: msgspec.json.Decoder[Decoded], body: bytes) -> Decoded | None:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _own_id(event: Event, step: Step[object]) -> str:
    """An id for a step that has none: the same whenever it is asked for, so it is stored once."""
    text = f"{event.worker}/{event.seq}/{step.name}/{step.start_s}/{step.span_id}"
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _is_span_id(text: str) -> bool:
    """Whether servers take ``text`` as a span's id: v4 refuses a whole body for a bad one."""
    return _SPAN_ID.fullmatch(text) is not None and text != _NO_SPAN
