"""One call: bytes out, bytes in, and a Step of what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from services.errors import TransportError
from services.reason import DECODE_ERRORS, SUCCESS, decode_fault, status_fault
from services.step import Step
from services.traceparent import TraceContext, new_span_id
from services.transport import Reply, Transport
from services.wire import encode

Request = TypeVar("Request")
Answer = TypeVar("Answer")
OnStep = Callable[[Step[Any]], None]


class Endpoint(msgspec.Struct, Generic[Request, Answer], frozen=True):
    """What a service offers: the step's ``name``, where it is, and how its answer is read.

    No ``decoder``: nothing is read. ``fault`` says what is wrong with an answer beyond its types,
    given the request.
    """

    name: str
    path: str
    decoder: msgspec.json.Decoder[Answer] | None = None
    fault: Callable[[Request, Answer], str | None] | None = None


def call(
    transport: Transport,
    endpoint: Endpoint[Request, Answer],
    request: Request,
    trace: TraceContext | None = None,
    path: str | None = None,
) -> Step[Answer]:
    """A POST of ``request``, or a GET where it is None, to ``path`` or the endpoint's own.

    Only sending and receiving are timed. GreenletExit and its like go through.
    """
    path = path or endpoint.path
    span_id = new_span_id()
    traceparent = trace.traceparent(span_id) if trace else None
    body = b"" if request is None else encode(request)
    step: Step[Answer] = Step(
        name=endpoint.name,
        start_s=time.time(),
        latency_ms=0.0,
        span_id=span_id,
        url=transport.base_url + path,
        request=body,
    )
    begin = time.perf_counter()
    try:
        if request is None:
            reply = transport.get(path, traceparent)
        else:
            reply = transport.post(path, body, traceparent)
    except TransportError as error:
        step.latency_ms = (time.perf_counter() - begin) * 1000
        step.error = str(error)
        return step
    step.latency_ms = (time.perf_counter() - begin) * 1000
    _read(step, reply, endpoint, request)
    return step


def _read(
    step: Step[Answer], reply: Reply, endpoint: Endpoint[Request, Answer], request: Request
) -> None:
    """Take ``reply`` into ``step``: an answer, or the reason that it is none."""
    step.status, step.response = reply.status, reply.body
    if reply.status not in SUCCESS:
        step.error = status_fault(reply)
        return
    if endpoint.decoder is None:
        return
    try:
        answer = endpoint.decoder.decode(reply.body)
    except DECODE_ERRORS as error:
        step.error = decode_fault(reply, error)
        return
    if endpoint.fault is not None:
        step.error = endpoint.fault(request, answer)
    if step.error is None:
        step.answer = answer
