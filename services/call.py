"""One timed call: bytes out, bytes in, and a Step of what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from services.errors import TransportError
from services.reason import DECODE_ERRORS, decode_fault, status_fault
from services.step import Step
from services.traceparent import TraceContext, new_span_id
from services.transport import Reply, Transport

Answer = TypeVar("Answer")
OnStep = Callable[[Step[Any]], None]
Check = Callable[[Answer], str | None]


def call(
    transport: Transport,
    name: str,
    path: str,
    body: bytes | None = None,
    trace: TraceContext | None = None,
) -> tuple[Step[Any], Reply | None]:
    """A Step still without its answer, and the reply, None where ``step.error`` says why.

    A POST of ``body``, or a GET where it is None. Only sending and receiving are timed.
    GreenletExit and its like go through.
    """
    span_id = new_span_id()
    traceparent = trace.traceparent(span_id) if trace else None
    step: Step[Any] = Step(
        name=name,
        start_s=time.time(),
        latency_ms=0.0,
        span_id=span_id,
        url=transport.base_url + path,
        request=body or b"",
    )
    begin = time.perf_counter()
    try:
        if body is None:
            reply = transport.get(path, traceparent)
        else:
            reply = transport.post(path, body, traceparent)
    except TransportError as error:
        step.latency_ms = (time.perf_counter() - begin) * 1000
        step.error = str(error)
        return step, None
    step.latency_ms = (time.perf_counter() - begin) * 1000
    step.status = reply.status
    step.response = reply.body
    step.error = status_fault(reply)
    return step, None if step.error else reply


def fill(
    step: Step[Answer],
    reply: Reply,
    decoder: msgspec.json.Decoder[Answer],
    check: Check[Answer] | None = None,
) -> None:
    """Decode and check ``reply`` into ``step``: an answer, or the reason that it is none."""
    try:
        answer = decoder.decode(reply.body)
    except DECODE_ERRORS as error:
        step.error = decode_fault(reply, error)
        return
    step.error = check(answer) if check else None
    step.answer = None if step.error else answer
