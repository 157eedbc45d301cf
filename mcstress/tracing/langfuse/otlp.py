"""OpenTelemetry's traces as JSON, with Langfuse's attributes: what servers from 3.63 on take."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import msgspec
from isal import isal_zlib

from mcstress.services.recent import Recent
from mcstress.tracing.langfuse.answer import read_otlp
from mcstress.tracing.observation import Observation, Score, TraceEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from mcstress.tracing.http.delivery_outcome import DeliveryOutcome, Sent
    from mcstress.tracing.trace import Trace

_INTERNAL = 1
_STATUS_ERROR = 2
_GZIP = 31
_encode = msgspec.json.Encoder().encode


class _Text(msgspec.Struct, gc=False):
    stringValue: str  # noqa: N815  (OTLP's name)


class _Attribute(msgspec.Struct, gc=False):
    key: str
    value: _Text


class _Span(msgspec.Struct, omit_defaults=True, gc=False):
    """A span in OTLP's own spelling; 64-bit integers are strings there."""

    traceId: str  # noqa: N815
    spanId: str  # noqa: N815
    name: str
    startTimeUnixNano: str  # noqa: N815
    endTimeUnixNano: str  # noqa: N815
    attributes: list[_Attribute | msgspec.Raw]
    status: dict[str, int | str]
    kind: int | None = None
    parentSpanId: str | None = None  # noqa: N815


class _Shared(NamedTuple):
    """What spans of a trace share: the parent of the topmost, and attributes as JSON.

    The attributes are joined by commas: one piece costs a quarter of what a dozen pieces cost.
    """

    root_id: str
    of_top: msgspec.Raw
    of_others: msgspec.Raw


class _GzipBody:
    """A gzip stream, so that no body stands whole in memory.

    ISA-L's level 1 takes a quarter of zlib's time for the same size.
    """

    def __init__(self) -> None:
        self._comma = b""
        self._stream = isal_zlib.compressobj(1, isal_zlib.DEFLATED, _GZIP)
        self._compressed = [self._stream.compress(_HEAD)]
        self._waiting: list[bytes] = []
        self.size = len(_HEAD)

    def add(self, _entry: TraceEntry, encoded: bytes) -> None:
        self._waiting += (self._comma, encoded)
        self._comma = b","
        self.size += len(encoded) + 1

    def work(self) -> None:
        self._compressed.append(self._stream.compress(b"".join(self._waiting)))
        self._waiting.clear()

    def close(self) -> bytes:
        self._waiting.append(_TAIL)
        self.work()
        return b"".join((*self._compressed, self._stream.flush()))

    def read(self, response: httpx.Response, sent: list[Sent]) -> DeliveryOutcome[Sent]:
        return read_otlp(response, sent)


class Otlp:
    """Writes spans and bodies. What a trace's spans share is encoded once."""

    path: ClassVar[str] = "/api/public/otel/v1/traces"
    headers: ClassVar[Mapping[str, str]] = {
        "content-type": "application/json",
        "x-langfuse-ingestion-version": "4",
        "content-encoding": "gzip",
    }

    def __init__(self) -> None:
        self._of_trace: Recent[str, _Shared] = Recent()

    def encode(self, observation: TraceEntry) -> bytes:
        """One observation as a span. Scores have no form in OTLP."""
        if isinstance(observation, Score):
            raise TypeError("a score is no span")
        trace = observation.trace
        shared = self._of_trace.get(trace.id) or self._of_trace.put(trace.id, _shared_by(trace))
        is_top = observation.parent_id is None
        attributes = _attributes(observation)
        attributes.append(shared.of_top if is_top else shared.of_others)
        return _encode(
            _Span(
                traceId=trace.id,
                spanId=observation.span_id,
                parentSpanId=shared.root_id if is_top else observation.parent_id,
                name=observation.name,
                kind=_INTERNAL,
                startTimeUnixNano=str(observation.start_ns),
                endTimeUnixNano=str(observation.end_ns),
                attributes=attributes,
                status=_status(observation),
            )
        )

    def batch(self) -> _GzipBody:
        """An empty body."""
        return _GzipBody()


def _shared_by(trace: Trace) -> _Shared:
    attributes = _trace_attributes(trace)
    return _Shared(trace.root_id, _joined([*attributes, _APP_ROOT]), _joined(attributes))


def _joined(attributes: list[msgspec.Raw]) -> msgspec.Raw:
    return msgspec.Raw(b",".join(map(bytes, attributes)))


def _trace_attributes(trace: Trace) -> list[msgspec.Raw]:
    """The trace's attributes, which go on every span: v4 filters observations by them."""
    tags = {"arrayValue": {"values": [{"stringValue": tag} for tag in trace.tags]}}
    texts = {
        "langfuse.trace.name": trace.name,
        "session.id": trace.session,
        "user.id": trace.user,
        "langfuse.environment": trace.environment,
        **{f"langfuse.trace.metadata.{key}": value for key, value in trace.metadata.items()},
    }
    attributes = [
        msgspec.Raw(_encode({"key": "langfuse.trace.tags", "value": tags})),
        *(_shared(key, value) for key, value in texts.items()),
    ]
    if trace.input:  # each trace has its own
        attributes.append(msgspec.Raw(_encode(_alone("langfuse.trace.input", trace.input))))
    return attributes


def _attributes(observation: Observation) -> list[_Attribute | msgspec.Raw]:
    """The attributes of one observation."""
    attributes: list[_Attribute | msgspec.Raw] = [
        _shared("langfuse.observation.type", observation.kind),
        _json("langfuse.observation.metadata", observation.metadata),
    ]
    if observation.input is not None:
        attributes.append(_alone("langfuse.observation.input", observation.input))
    if observation.output is not None:
        attributes.append(_alone("langfuse.observation.output", observation.output))
    if observation.level != "DEFAULT":
        attributes.append(_shared("langfuse.observation.level", observation.level))
    if observation.message is not None:
        attributes.append(_alone("langfuse.observation.status_message", observation.message))
    if observation.model:
        attributes.append(_shared("langfuse.observation.model.name", observation.model))
    if observation.usage:
        attributes.append(_json("langfuse.observation.usage_details", observation.usage))
    return attributes


def _alone(key: str, text: str) -> _Attribute:
    return _Attribute(key, _Text(text))


@lru_cache(maxsize=4096)
def _shared(key: str, text: str) -> msgspec.Raw:
    """An attribute that many spans have, encoded once."""
    return msgspec.Raw(_encode(_Attribute(key, _Text(text))))


def _json(key: str, values: Mapping[str, object]) -> _Attribute:
    """Several values as Langfuse takes them in one attribute: JSON in a string."""
    return _Attribute(key, _Text(_encode(values).decode()))


def _status(observation: Observation) -> dict[str, int | str]:
    if observation.level != "ERROR":
        return {}
    return {"code": _STATUS_ERROR, "message": observation.message or ""}


_APP_ROOT = msgspec.Raw(
    _encode({"key": "langfuse.internal.is_app_root", "value": {"boolValue": True}})
)
"""On a topmost span: since version 4 servers list as roots those without a parent, and these."""


def _envelope() -> tuple[bytes, bytes]:
    """What stands before and after the spans of a body."""
    service = _shared("service.name", "multi-coordinator-stress")
    scope = {"scope": {"name": "multi_coord_stress"}, "spans": []}
    resource = {"resource": {"attributes": [service]}, "scopeSpans": [scope]}
    head, _, tail = _encode({"resourceSpans": [resource]}).rpartition(b"[]")
    return head + b"[", b"]" + tail


_HEAD, _TAIL = _envelope()
