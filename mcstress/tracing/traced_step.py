"""A step as it waits to be traced: what is shown of it, without what else its event holds."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import msgspec

from mcstress.metrics.event import Scheduled

if TYPE_CHECKING:
    from mcstress.metrics.event import Event
    from mcstress.services.step import Step


class StepFacts(msgspec.Struct, omit_defaults=True, gc=False):
    """What a step did, for whom, and where it stands in the evidence (``worker``, ``seq``).

    ``start_s`` is Unix time. ``url`` is without what may hold a secret. ``head`` is the span id of
    the event's first step, under which the others hang; None where this is the first.
    ``scheduled``: None where no schedule asked for the event.
    """

    trio: int
    round: int
    phase: str
    coordinator: str
    worker: str
    seq: int
    outcome: str
    contract: str | None
    role: str | None
    arm: str | None
    namespace: str | None
    name: str
    start_s: float
    latency_ms: float
    span_id: str
    url: str
    status: int = 0
    error: str | None = None
    unparseable: str | None = None
    queue_ms: float = 0.0
    head: str | None = None
    scheduled: Scheduled | None = None
    method: str = "POST"


class TracedStep(msgspec.Struct, gc=False):
    """A step and its bodies. ``answered``: the response is JSON, for it was read as such.

    It holds its event's words, not the event: lists of hits would take as much memory again, and
    what waits for a Langfuse pushes what is at work out of the processor's caches.
    """

    done: StepFacts
    request: bytes
    response: bytes
    answered: bool

    @classmethod
    def of(cls, event: Event, step: Step[Any], worker: str, head: str | None = None) -> Self:
        """The step of an event of ``worker``, under its first step's span, ``head``."""
        return cls(
            StepFacts(
                event.trio,
                event.round,
                event.phase,
                event.coordinator,
                event.worker or worker,
                event.seq,
                event.outcome,
                event.contract,
                event.role,
                event.arm,
                event.namespace,
                step.name,
                step.start_s,
                step.latency_ms,
                step.span_id,
                _address(step.url),
                step.status,
                step.error and clean(step.error),
                step.unparseable and clean(step.unparseable),
                step.queue_ms,
                head,
                event.scheduled or None,
                step.method,
            ),
            step.request,
            step.response,
            step.answer is not None,
        )


def clean(text: str) -> str:
    """``text`` without what UTF-8 cannot carry."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


@lru_cache(maxsize=256)
def _address(url: str) -> str:
    """``url`` without what may hold a secret: user, password and query."""
    before, _, rest = url.partition("?")[0].rpartition("@")
    return f"{before.partition('//')[0]}//{rest}" if before else rest
