"""What is sent and spooled: observations and scores, in no server's dialect."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

import msgspec

from mcstress.tracing.trace import ENVIRONMENT, Trace

ObservationKind = Literal["span", "generation", "retriever"]
Level = Literal["DEFAULT", "WARNING", "ERROR"]


class Observation(msgspec.Struct, kw_only=True, tag="observation", tag_field="is", gc=False):
    """One observation. ``input`` and ``output`` are texts, mostly JSON; times are Unix ns.

    ``message`` explains a ``level`` other than DEFAULT. ``usage`` counts tokens (``input``,
    ``output``), ``cost`` is in USD by the same names.
    """

    trace: Trace
    span_id: str
    parent_id: str | None = None
    name: str
    kind: ObservationKind = "span"
    start_ns: int
    end_ns: int
    input: str | None = None
    output: str | None = None
    level: Level = "DEFAULT"
    message: str | None = None
    model: str | None = None
    usage: dict[str, int] = {}
    metadata: dict[str, str] = {}


class Score(msgspec.Struct, kw_only=True, tag="score", tag_field="is"):
    """A figure on a trace, or on one of its observations, or on a session.

    A number is NUMERIC in Langfuse, a bool BOOLEAN, a text CATEGORICAL. The same target and name
    have the same ``id``: a later value takes the place of an earlier one. ``at_ns`` is when what it
    is about had ended, Unix time; 0: not known.
    """

    name: str
    value: bool | float | str
    trace_id: str | None = None
    observation_id: str | None = None
    session_id: str | None = None
    comment: str | None = None
    environment: str = ENVIRONMENT
    at_ns: int = 0

    @property
    def id(self) -> str:
        """The score's id, 32 hex digits."""
        target = f"{self.trace_id}/{self.observation_id}/{self.session_id}/{self.name}"
        return sha256(target.encode()).hexdigest()[:32]


TraceEntry = Observation | Score

encoder = msgspec.json.Encoder()
