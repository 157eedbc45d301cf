"""Langfuse's own batches: observations for servers before 3.63, scores for all of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

import msgspec

from mcstress.tracing.langfuse.answer import event_id, read_batch
from mcstress.tracing.observation import Observation, Score, TraceEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from mcstress.tracing.http.delivery_outcome import DeliveryOutcome, Sent
    from mcstress.tracing.trace import Trace

_encode = msgspec.json.encode


class _IngestionBody:
    """A batch, uncompressed: these routes read a body as it comes."""

    def __init__(self) -> None:
        self.size = 0
        self._ids: list[str] = []
        self._events: list[bytes] = []
        self._first: dict[str, tuple[int, Trace]] = {}

    def add(self, entry: TraceEntry, encoded: bytes) -> None:
        self.size += len(encoded) + 1
        self._ids.append(event_id(entry))
        self._events.append(encoded)
        if isinstance(entry, Observation):
            known = self._first.setdefault(entry.trace.id, (entry.start_ns, entry.trace))
            if entry.start_ns < known[0]:
                self._first[entry.trace.id] = (entry.start_ns, entry.trace)

    def work(self) -> None:
        """Nothing can be done before the end: a trace stands before its observations."""

    def close(self) -> bytes:
        """Each batch stands by itself: one ``trace-create`` for each trace, then the events."""
        traces = (_trace_event(start_ns, trace) for start_ns, trace in self._first.values())
        return _encode({"batch": [*map(msgspec.Raw, (*traces, *self._events))]})

    def read(self, response: httpx.Response, sent: list[Sent]) -> DeliveryOutcome[Sent]:
        return read_batch(response, self._ids, sent)


class Batches:
    """Writes events and batches."""

    path: ClassVar[str] = "/api/public/ingestion"
    headers: ClassVar[Mapping[str, str]] = {"content-type": "application/json"}

    def encode(self, entry: TraceEntry) -> bytes:
        """One entry as an event."""
        return _score_event(entry) if isinstance(entry, Score) else _observation_event(entry)

    def batch(self) -> _IngestionBody:
        """An empty batch."""
        return _IngestionBody()


def _trace_event(start_ns: int, trace: Trace) -> bytes:
    """``trace-create`` of a trace that begins, as far as the batch knows, at ``start_ns``."""
    body = {
        "id": trace.id,
        "timestamp": _time(start_ns),
        "name": trace.name,
        "tags": trace.tags,
        "sessionId": trace.session,
        "userId": trace.user,
        "input": trace.input or None,
        "metadata": trace.metadata,
        "environment": trace.environment,
    }
    return _event(uuid4().hex, "trace-create", body)


def _observation_event(observation: Observation) -> bytes:
    """``span-create`` or ``generation-create``, with the span's id as the event's own."""
    body: dict[str, Any] = {
        "id": observation.span_id,
        "traceId": observation.trace.id,
        "parentObservationId": observation.parent_id,
        "name": observation.name,
        "startTime": _time(observation.start_ns),
        "endTime": _time(observation.end_ns),
        "input": _json(observation.input),
        "output": _json(observation.output),
        "level": observation.level,
        "statusMessage": observation.message,
        "metadata": observation.metadata,
        "environment": observation.trace.environment,
    }
    if observation.kind != "generation":
        return _event(observation.span_id, "span-create", body)
    body["model"] = observation.model
    if observation.usage:
        body["usage"] = {**observation.usage, "unit": "TOKENS"}
    return _event(observation.span_id, "generation-create", body)


def _score_event(score: Score) -> bytes:
    """``score-create``, with the score's id as the event's own."""
    body = {
        "id": score.id,
        "traceId": score.trace_id,
        "observationId": score.observation_id,
        "sessionId": score.session_id,
        "name": score.name,
        "value": int(score.value) if isinstance(score.value, bool) else score.value,
        "dataType": _data_type(score.value),
        "comment": score.comment,
        "environment": score.environment,
    }
    return _event(score.id, "score-create", {key: x for key, x in body.items() if x is not None})


def _event(event_id: str, kind: str, body: dict[str, Any]) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return _encode({"id": event_id, "timestamp": now, "type": kind, "body": body})


def _data_type(value: bool | float | str) -> str:
    if isinstance(value, str):
        return "CATEGORICAL"
    return "BOOLEAN" if isinstance(value, bool) else "NUMERIC"


def _time(unix_ns: int) -> str:
    """RFC 3339 to the microsecond."""
    return datetime.fromtimestamp(unix_ns / 1e9, UTC).isoformat(timespec="microseconds")


def _json(text: str | None) -> msgspec.Raw | str | None:
    """JSON as JSON, so that the page shows it unfolded; anything else as text."""
    if text is None or "\\u0000" in text:  # Postgres stores no such character in JSON
        return text
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return text
    return msgspec.Raw(text)
