"""Trace and Span: ids that need no talking, so that callers can build hierarchies."""

from __future__ import annotations

import msgspec

from metrics.phase import PHASES
from services.traceparent import TraceContext, new_span_id, phase_trace_id

ENVIRONMENT = "stress"


class TraceRun(msgspec.Struct, frozen=True):
    """The run that traces belong to: ``uid`` is their session; ``number`` only names files."""

    uid: str
    number: str
    scenario: str = ""


class Trace(msgspec.Struct, frozen=True):
    """What Langfuse shows as one trace. Every observation carries it, since any may come first.

    ``id`` is 32 hex digits; ``session`` the run's uid; ``user`` the trio.
    """

    id: str
    name: str
    tags: tuple[str, ...]
    session: str
    user: str
    metadata: dict[str, str]
    environment: str = ENVIRONMENT

    @classmethod
    def of_phase(cls, run: TraceRun, trio: int, round_: int, phase: str) -> Trace:
        """The trace of a trio's phase in a round: the same on every worker."""
        return cls(
            id=phase_trace_id(run.uid, trio, round_, phase),
            name=PHASES[phase].title,
            tags=PHASES[phase].tags,
            session=run.uid,
            user=f"trio-{trio}",
            metadata={
                "run": run.number,
                "scenario": run.scenario,
                "trio": str(trio),
                "round": str(round_),
                "phase": phase,
            },
        )

    def span(self, name: str) -> Span:
        """A new span right under the trace."""
        return Span(self, name, new_span_id())


class Span(msgspec.Struct, frozen=True):
    """One piece of work in a trace. ``id`` is 16 hex digits, drawn when the work begins."""

    trace: Trace
    name: str
    id: str
    parent_id: str | None = None

    def child(self, name: str) -> Span:
        """A new span under this one."""
        return Span(self.trace, name, new_span_id(), self.id)

    @property
    def traceparent(self) -> str:
        """The header that lets a service hang its own spans under this one."""
        return TraceContext(self.trace.id).traceparent(self.id)
