"""One call: bytes out, bytes in, and a Step of what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from mcstress.errors import TransportError
from mcstress.services.error_words import error_member, member_words
from mcstress.services.failure_reason import (
    DECODE_ERRORS,
    SUCCESS,
    decode_fault,
    said_fault,
    status_fault,
)
from mcstress.services.gateway.schema import encode
from mcstress.services.http.transport import Reply, Transport
from mcstress.services.lenient_decoding import read
from mcstress.services.steady_clock import CLOCK
from mcstress.services.step import Step, leave_cut
from mcstress.services.trace_context import TraceContext, new_span_id

Request = TypeVar("Request")
Answer = TypeVar("Answer")


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

    Only sending and receiving are timed. GreenletExit and its like go through, with the step that
    they cut.
    """
    path = path or endpoint.path
    span_id = new_span_id()
    traceparent = trace.traceparent(span_id) if trace else None
    body = b"" if request is None else encode(request)
    url = transport.base_url + path
    begin = time.perf_counter()
    start_s = CLOCK.anchor_s + begin
    try:
        if request is None:
            reply = transport.get(path, traceparent)
        else:
            reply = transport.post(path, body, traceparent)
    except TransportError as fault:
        latency_ms = (time.perf_counter() - begin) * 1000
        return Step(endpoint.name, start_s, latency_ms, span_id, url, body, error=str(fault))
    except BaseException as end:
        latency_ms = (time.perf_counter() - begin) * 1000
        leave_cut(end, Step(endpoint.name, start_s, latency_ms, span_id, url, body))
        raise
    latency_ms = (time.perf_counter() - begin) * 1000
    answer, error = _read(reply, endpoint, request)
    return Step(
        endpoint.name,
        start_s,
        latency_ms,
        span_id,
        url,
        body,
        reply.body,
        reply.status,
        error,
        resent=reply.resent,
        answer=answer,
    )


def _read(
    reply: Reply, endpoint: Endpoint[Request, Any], request: Request
) -> tuple[Any, str | None]:
    """The answer in ``reply``, or the reason that it is none; neither where nothing is read."""
    if reply.status not in SUCCESS:
        return None, status_fault(reply)
    if endpoint.decoder is None:
        words = error_member(reply.body)
        return None, words and said_fault(reply, words)
    try:
        try:
            answer = endpoint.decoder.decode(reply.body)
        except msgspec.DecodeError:
            answer = read(endpoint.decoder, reply.body)
    except DECODE_ERRORS as error:
        return None, decode_fault(reply, error)
    if said := getattr(answer, "error", None):
        return None, said_fault(reply, member_words(said) or "")
    if endpoint.fault is not None and (fault := endpoint.fault(request, answer)) is not None:
        return None, fault
    return answer, None
