"""Spans for any collector, in OpenTelemetry's own protobuf classes and semantic conventions.

LLM calls carry ``gen_ai.*``, searches and writes ``db.*``, all of them ``http.*``; what only this
harness knows is ``mcstress.*``. A score is a span of its own, of no length, under the span that it
is about, with ``gen_ai.evaluation.*``: when it is known, that span may have been sent.
"""

from __future__ import annotations

import time
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from isal import isal_zlib
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from mcstress.services.recent import Recent
from mcstress.tracing.observation import Score
from mcstress.tracing.otlp.answer import read_export
from mcstress.tracing.trace import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from mcstress.tracing.http.delivery_outcome import DeliveryOutcome, Peer, Sent
    from mcstress.tracing.observation import Observation, TraceEntry
    from mcstress.tracing.trace import Trace

_GZIP = 31
_NUMBERS = ("queue_ms", "lateness_ms")
_STORES = {
    "matrix.search": "search",
    "playbook.record": "record",
    "observerd.inbox.record": "record",
    "index.add": "add",
    "index.update": "update",
    "index.delete": "delete",
    "playbook.forget": "delete",
}
"""Steps that ask a store for something, and what: ``db.operation.name``."""
_CHATS = {"/api/chat": "ollama", "/v1/chat/completions": "openai"}
"""Whose protocol an LLM is called by, told by the end of its URL: ``gen_ai.provider.name``."""


class Spans:
    """Writes spans and bodies. What a trace's spans share is made once."""

    def __init__(self, peer: Peer, *, gzip: bool) -> None:
        self.path = peer.url
        self.headers: Mapping[str, str] = {"content-type": "application/x-protobuf"}
        if gzip:
            self.headers = {**self.headers, "content-encoding": "gzip"}
        self._peer = peer
        self._gzip = gzip
        self._of_trace: Recent[str, list[KeyValue]] = Recent()

    def encode(self, entry: TraceEntry) -> bytes:
        """One observation or score, as a ScopeSpans of one span: those of many joined are one."""
        span = _score(entry) if isinstance(entry, Score) else self._observation(entry)
        encoded: bytes = ScopeSpans(spans=[span]).SerializeToString()
        return encoded

    def batch(self) -> _ProtobufBody:
        """An empty body."""
        return _ProtobufBody(self._peer, gzip=self._gzip)

    def _observation(self, observation: Observation) -> Span:
        is_error = observation.level == "ERROR"
        return Span(
            trace_id=bytes.fromhex(observation.trace.id),
            span_id=bytes.fromhex(observation.span_id),
            parent_span_id=bytes.fromhex(observation.parent_id or ""),
            name=observation.name,
            kind=Span.SPAN_KIND_CLIENT,
            start_time_unix_nano=observation.start_ns,
            end_time_unix_nano=observation.end_ns,
            attributes=[*self._shared_by(observation.trace), *_attributes(observation)],
            status=Status(code=Status.STATUS_CODE_ERROR, message=observation.message or "")
            if is_error
            else None,
        )

    def _shared_by(self, trace: Trace) -> list[KeyValue]:
        shared = self._of_trace.get(trace.id)
        if shared is None:
            shared = self._of_trace.put(trace.id, [*_trace_attributes(trace)])
        return shared


class _ProtobufBody:
    """A body, written a slice at a time: requests that are written one after another are one."""

    def __init__(self, peer: Peer, *, gzip: bool) -> None:
        self.size = 0
        self._peer = peer
        self._waiting: list[bytes] = []
        self._parts: list[bytes] = []
        self._stream = isal_zlib.compressobj(1, isal_zlib.DEFLATED, _GZIP) if gzip else None

    def add(self, _entry: TraceEntry, encoded: bytes) -> None:
        self._waiting.append(encoded)
        self.size += len(encoded)

    def work(self) -> None:
        request = ExportTraceServiceRequest()
        of_resource = request.resource_spans.add()
        of_resource.resource.CopyFrom(_resource())
        of_scope = of_resource.scope_spans.add()
        of_scope.scope.CopyFrom(_scope())
        of_scope.MergeFromString(b"".join(self._waiting))
        self._waiting.clear()
        written = request.SerializeToString()
        self._parts.append(written if self._stream is None else self._stream.compress(written))

    def close(self) -> bytes:
        if self._waiting:
            self.work()
        if self._stream is not None:
            self._parts.append(self._stream.flush())
        return b"".join(self._parts)

    def read(self, response: httpx.Response, sent: list[Sent]) -> DeliveryOutcome[Sent]:
        return read_export(response, sent, self._peer)


def _trace_attributes(trace: Trace) -> Iterator[KeyValue]:
    """What the spans of a trace share."""
    yield _attribute("session.id", trace.session)
    yield _attribute("user.id", trace.user)
    yield _attribute("mcstress.trace.name", trace.name)
    yield _attribute("mcstress.trace.tags", trace.tags)
    for key, text in trace.metadata.items():
        yield _attribute(f"mcstress.{key}", int(text) if key in ("trio", "round") else text)


def _attributes(observation: Observation) -> Iterator[KeyValue]:
    """The attributes of one observation."""
    about = dict(observation.metadata)
    url, status = about.pop("url", ""), about.pop("status", "")
    method = about.pop("method", "POST")
    if url:
        yield from _of_url(url, method)
    yield from _of_outcome(observation, status)
    if observation.kind == "generation":
        yield from _of_chat(observation, url)
    elif operation := _STORES.get(observation.name):
        yield _attribute("db.operation.name", operation)
    for key, text in about.items():
        yield _attribute(f"mcstress.{key}", float(text) if key in _NUMBERS else text)
    if observation.input is not None:
        yield _attribute("mcstress.input", observation.input)
    if observation.output is not None:
        yield _attribute("mcstress.output", observation.output)


def _of_outcome(observation: Observation, status: str) -> Iterator[KeyValue]:
    if status:
        yield _attribute("http.response.status_code", int(status))
    if observation.level == "ERROR":
        yield _attribute("error.type", status if _is_failure(status) else "_OTHER")
    elif observation.message is not None:
        yield _attribute("mcstress.unparseable", observation.message)


def _is_failure(status: str) -> bool:
    return bool(status) and not status.startswith("2")


@lru_cache(maxsize=256)
def _of_url(url: str, method: str) -> tuple[KeyValue, ...]:
    """What a URL says of who was called; few URLs are called again and again.

    A target class says a name in its place, and not by what it calls.
    """
    found: list[tuple[str, str | int]] = [("url.full", url)]
    found += [("http.request.method", method)] if "://" in url else []
    try:
        parts = urlsplit(url)
        found += [("server.address", parts.hostname)] if parts.hostname else []
        found += [("server.port", parts.port)] if parts.port else []
    except ValueError:
        pass  # no URL that anyone could call; it is shown as it is
    return tuple(_attribute(key, value) for key, value in found)


def _of_chat(observation: Observation, url: str) -> Iterator[KeyValue]:
    yield _attribute("gen_ai.operation.name", "chat")
    provider = next((who for end, who in _CHATS.items() if url.endswith(end)), None)
    if provider:
        yield _attribute("gen_ai.provider.name", provider)
    if observation.model:
        yield _attribute("gen_ai.request.model", observation.model)
    for key, tokens in observation.usage.items():
        yield _attribute(f"gen_ai.usage.{key}_tokens", tokens)


def _score(score: Score) -> Span:
    """A span that says what was found of another, or of the run."""
    now_ns = score.at_ns or time.time_ns()
    value = score.value
    attributes = [_attribute("gen_ai.evaluation.name", score.name)]
    if isinstance(value, str):
        attributes.append(_attribute("gen_ai.evaluation.score.label", value))
    else:
        attributes.append(_attribute("gen_ai.evaluation.score.value", float(value)))
    if isinstance(value, bool):
        attributes.append(_attribute("gen_ai.evaluation.score.label", str(value).lower()))
    if score.comment:
        attributes.append(_attribute("gen_ai.evaluation.explanation", score.comment))
    if score.session_id:
        attributes.append(_attribute("session.id", score.session_id))
    return Span(
        trace_id=bytes.fromhex(score.trace_id or run_trace_id(score.session_id or "")),
        span_id=bytes.fromhex(score.id[:16]),
        parent_span_id=bytes.fromhex(score.observation_id or ""),
        name=f"score {score.name}",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=now_ns,
        end_time_unix_nano=now_ns,
        attributes=attributes,
    )


def run_trace_id(session: str) -> str:
    """The trace, 32 hex digits, of what is said of a whole run."""
    return sha256(f"{session}/run".encode()).hexdigest()[:32]


def _attribute(key: str, value: str | float | tuple[str, ...]) -> KeyValue:
    return KeyValue(key=key, value=_value(value))


def _value(value: Any) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(array_value=ArrayValue(values=[*map(_value, value)]))


@lru_cache(maxsize=1)
def _resource() -> Resource:
    """Who sends: the same for all spans."""
    about = {
        "service.name": "multi-coordinator-stress",
        "service.version": _version(),
        "deployment.environment.name": ENVIRONMENT,
    }
    return Resource(attributes=[_attribute(key, text) for key, text in about.items()])


@lru_cache(maxsize=1)
def _scope() -> InstrumentationScope:
    return InstrumentationScope(name="multi_coord_stress", version=_version())


def _version() -> str:
    return version("multi-coordinator-stress")
