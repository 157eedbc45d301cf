"""What a collector answers to an export."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from mcstress.tracing.http.delivery_outcome import (
    REJECTED,
    DeliveryFault,
    DeliveryOutcome,
    Sent,
    excerpt,
)

if TYPE_CHECKING:
    import httpx

    from mcstress.tracing.http.delivery_outcome import Peer


def read_export(response: httpx.Response, sent: list[Sent], peer: Peer) -> DeliveryOutcome[Sent]:
    """The outcome of a 2xx answer. A collector says 200, and what it rejected, or nothing.

    It says how many it rejected, and not which; by the specification none of that body may be sent
    again. So as many are lost, and counted. All of them: then it is known which, and they are kept.
    """
    answer = _decoded(response)
    if answer is None:
        text = f"{response.request.url} answers {response.status_code} with what no {peer.name}"
        said = excerpt(response.text) or "empty"
        text = f"{text} answers: check {peer.address_by}: {said}"
        return DeliveryOutcome(refused=sent, faults=[DeliveryFault("no collector", text)])
    partial = answer.partial_success
    rejected = min(max(0, partial.rejected_spans), len(sent))
    said = excerpt(partial.error_message)
    if not rejected:
        faults = [DeliveryFault("warned", f"{peer.url} says: {said}")] if said else []
        return DeliveryOutcome(delivered=sent, faults=faults)
    fault = DeliveryFault(
        "rejected", f"{peer.url} rejected {rejected} of {len(sent)} spans: {said}"
    )
    if rejected == len(sent):
        return DeliveryOutcome(refused=sent, faults=[fault])
    lost = [(item, REJECTED) for item in sent[:rejected]]
    return DeliveryOutcome(delivered=sent[rejected:], lost=lost, faults=[fault])


def _decoded(response: httpx.Response) -> ExportTraceServiceResponse | None:
    """The answer; None where it is that of something else than a collector."""
    if response.status_code != HTTPStatus.OK:
        return None
    answer = ExportTraceServiceResponse()
    try:
        if response.headers.get("content-type", "").startswith("application/json"):
            json_format.Parse(response.content, answer, ignore_unknown_fields=True)
        else:
            answer.ParseFromString(response.content)
    except (DecodeError, json_format.ParseError, ValueError, RecursionError):
        return None
    return answer
