"""What a step of an event is in Langfuse."""

from __future__ import annotations

import re
from hashlib import sha256
from math import modf
from typing import TYPE_CHECKING

from mcstress.services.llm.clients import cost_of
from mcstress.services.recent import Recent
from mcstress.tracing.observation import Level, Observation, ObservationKind
from mcstress.tracing.trace import Trace, TraceRun

if TYPE_CHECKING:
    from mcstress.tracing.traced_step import StepFacts, TracedStep

LLM_PREFIX = "llm."
SEARCHES = frozenset({"matrix.search", "freshness.search", "freshness.poll"})

_is_span_id = re.compile("(?!0{16})[0-9a-f]{16}").fullmatch
"""Whether servers take a text as a span's id: v4 refuses a whole body for a bad one."""


def unix_ns(seconds: float) -> int:
    """Nanoseconds of a Unix time, by the whole microsecond that the evidence has for it, too."""
    part, whole = modf(seconds)
    return int(whole) * 1_000_000_000 + round(part * 1e6) * 1000


class Translator:
    """Makes observations of a run's steps. ``body_bytes`` is what is kept of a body."""

    def __init__(self, run: TraceRun, body_bytes: int) -> None:
        self.run = run
        self.body_bytes = body_bytes
        self._traces: Recent[tuple[int, int, str], Trace] = Recent()

    def observation(self, step: TracedStep) -> Observation:
        """The observation of ``step``, the same each time."""
        done = step.done
        start_ns = unix_ns(done.start_s)
        kind: ObservationKind = "retriever" if done.name in SEARCHES else "span"
        key = (done.trio, done.round, done.phase)
        trace = self._traces.get(key) or self._traces.put(key, Trace.of_phase(self.run, *key))
        span_id, parent_id = _ids(trace, done)
        observation = Observation(
            trace=trace,
            span_id=span_id,
            parent_id=parent_id,
            name=done.name,
            kind=kind,
            start_ns=start_ns,
            end_ns=start_ns + max(0, round(done.latency_ms * 1e6)),
            input=_text(step.request, self.body_bytes),
            output=_text(step.response, self.body_bytes),
            metadata=_metadata(done),
        )
        observation.level, observation.message = _verdict(done)
        if done.name.startswith(LLM_PREFIX):
            observation.kind = "generation"
            _add_model(observation, step)
        return observation


def _text(body: bytes, body_bytes: int) -> str | None:
    """``body`` as text that every server stores, cut with a mark where it is too long."""
    if not body:
        return None
    text = body[:body_bytes].decode("utf-8", "replace")
    if "\0" in text:  # Postgres, under the older servers, refuses it
        text = text.replace("\0", "\ufffd")
    if len(body) > body_bytes:
        text += f"… [cut: {body_bytes} of {len(body)} bytes]"
    return text


def _metadata(done: StepFacts) -> dict[str, str]:
    """Who did it for whom, and where the event stands in the evidence."""
    metadata = {
        "coordinator": done.coordinator,
        "event": f"{done.worker}/{done.seq}",
        "outcome": done.outcome,
        "url": done.url,
    }
    if done.method != "POST":
        metadata["method"] = done.method
    if done.contract:
        metadata["contract"] = done.contract
    if done.role:
        metadata["role"] = done.role
    if done.arm:
        metadata["arm"] = done.arm
    if done.namespace:
        metadata["namespace"] = done.namespace
    if done.status:
        metadata["status"] = str(done.status)
    if done.queue_ms:
        metadata["queue_ms"] = f"{done.queue_ms:.3f}"
    if (scheduled := done.scheduled) is not None:
        metadata["intended"] = scheduled.intended.isoformat()
        metadata["lateness_ms"] = f"{scheduled.generator_ms + scheduled.queue_ms:.3f}"
        if scheduled.hour is not None:
            metadata["scenario_hour"] = f"{scheduled.hour:.3f}"
    return metadata


def _verdict(done: StepFacts) -> tuple[Level, str | None]:
    """The level and its message: a failed step is an error, unparseable content a warning."""
    if done.error is not None:
        return "ERROR", done.error
    if done.unparseable is not None:
        return "WARNING", done.unparseable
    return "DEFAULT", None


def _add_model(observation: Observation, step: TracedStep) -> None:
    """Model and token usage, as the LLM's answer has them; the model else from the request."""
    cost = cost_of(step.request, step.response)
    observation.model = cost.model
    if cost.tokens is not None:
        observation.usage = cost.tokens


def _ids(trace: Trace, done: StepFacts) -> tuple[str, str | None]:
    """The ids of a step's span and of its parent: an event is its first step with the others under.

    The services were told the same ids. A step without a fit one gets its own.
    """
    if done.head is None:
        return (done.span_id if _is_span_id(done.span_id) else _head_id(trace, done)), None
    head = done.head if _is_span_id(done.head) else _head_id(trace, done)
    return (done.span_id if _is_span_id(done.span_id) else _own_id(done)), head


def _head_id(trace: Trace, done: StepFacts) -> str:
    """An id for an event's first step that has none: each of the event's steps can tell it."""
    return _made_id(f"{trace.id}/{done.worker}/{done.seq}")


def _own_id(done: StepFacts) -> str:
    """An id for a step that has none: the same whenever it is asked for, so it is stored once."""
    moment = f"{done.start_s}/{done.latency_ms}"
    return _made_id(f"{done.worker}/{done.seq}/{done.name}/{moment}/{done.span_id}")


def _made_id(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
