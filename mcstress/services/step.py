"""A Step: one call to a service, with input, output, start, end and error."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

Answer = TypeVar("Answer")


class Step(msgspec.Struct, Generic[Answer], gc=False):
    """What one call did. Never raised, always returned: a service's fault is data here.

    ``answer`` is None exactly where ``error`` is set or, for LLM steps, where the content was
    ``unparseable`` (a third outcome: the service answered, but not what was asked for).
    ``start_s`` is Unix time; ``latency_ms`` the service's time, without ``queue_ms``, the wait for
    an LLM slot. ``resent``: the request went out twice (see ``Transport``). ``request`` and
    ``response`` are the bodies as they went over the wire.
    """

    name: str
    start_s: float
    latency_ms: float
    span_id: str
    url: str
    request: bytes
    response: bytes = b""
    status: int = 0
    error: str | None = None
    unparseable: str | None = None
    queue_ms: float = 0.0
    resent: bool = False
    answer: Answer | None = None
