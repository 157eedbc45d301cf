"""Langfuse's own batches: observations for servers before 3.63, scores for all of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

import msgspec

from tracing.observation import Entry, Observation, Score
from tracing.reply import Reply, read_batch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

_encode = msgspec.json.encode


class _Letter:
    """A batch, uncompressed: these routes read a body as it comes."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.size = 0
        self._events: list[bytes] = []

    def add(self, entry: Entry, encoded: bytes) -> None:
        self.entries.append(entry)
        self._events.append(encoded)
        self.size += len(encoded) + 1

    def work(self) -> None:
        """Nothing can be done before the end: a trace stands before its observations."""

    def close(self) -> bytes:
        observations = [entry for entry in self.entries if isinstance(entry, Observation)]
        events = (*_trace_events(observations), *self._events)
        return _encode({"batch": [*map(msgspec.Raw, events)]})


class Batches:
    """Writes events and batches and reads the answer, which names every event."""

    path: ClassVar[str] = "/api/public/ingestion"
    headers: ClassVar[Mapping[str, str]] = {}

    def encode(self, entry: Entry) -> bytes:
        """One entry as an event."""
        return _score_event(entry) if isinstance(entry, Score) else _observation_event(entry)

    def letter(self) -> _Letter:
        """An empty batch."""
        return _Letter()

    def read(self, response: httpx.Response, entries: list[Entry]) -> Reply:
        """The fate of ``entries`` from a 2xx answer."""
        return read_batch(response, entries)


def _trace_events(observations: Sequence[Observation]) -> list[bytes]:
    """One ``trace-create`` for each trace of ``observations``: each batch stands by itself."""
    first: dict[str, Observation] = {}
    for observation in observations:
        known = first.setdefault(observation.trace.id, observation)
        if observation.start_ns < known.start_ns:
            first[observation.trace.id] = observation
    return [_trace_event(observation) for observation in first.values()]


def _trace_event(observation: Observation) -> bytes:
    trace = observation.trace
    body = {
        "id": trace.id,
        "timestamp": _time(observation.start_ns),
        "name": trace.name,
        "tags": trace.tags,
        "sessionId": trace.session,
        "userId": trace.user,
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
    if observation.usage or observation.cost:
        costs = {f"{name}Cost": usd for name, usd in observation.cost.items()}
        body["usage"] = {**observation.usage, **costs, "unit": "TOKENS"}
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
