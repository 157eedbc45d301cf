"""What a Langfuse server answers to spans and to batches."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from mcstress.services.failure_reason import DECODE_ERRORS
from mcstress.tracing.http.delivery_outcome import (
    PASSING,
    DeliveryFault,
    DeliveryOutcome,
    Sent,
    excerpt,
)
from mcstress.tracing.observation import Score, TraceEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

_NOT_ACCEPTED = "Event type not accepted"


class _EventError(msgspec.Struct):
    """Why one event of a batch was not taken."""

    id: str
    status: int = 0
    message: str | None = None
    error: Any = None


class _EventSuccess(msgspec.Struct):
    id: str


class _BatchAnswer(msgspec.Struct):
    successes: list[_EventSuccess]
    errors: list[_EventError]


class _PartialSuccess(msgspec.Struct, rename="camel"):
    rejected_spans: int | str = 0
    error_message: str = ""


class _OtlpAnswer(msgspec.Struct, rename="camel"):
    """What Langfuse answers to spans, beside things of its own that tell nothing."""

    partial_success: _PartialSuccess | None = None
    errors: list[_EventError] = []
    error: Any = None


def read_otlp(response: httpx.Response, sent: list[Sent]) -> DeliveryOutcome[Sent]:
    """The outcome of spans. Where a part is rejected, nobody says which: ``too_large`` then.

    Only a 200 with a JSON object in it is Langfuse's yes, and that of OTLP: whatever else answers
    at an address that is mistaken says 202, nothing, or a page.
    """
    if response.status_code != HTTPStatus.OK:
        return no_langfuse(response, sent)
    try:
        answer = msgspec.json.decode(response.content, type=_OtlpAnswer)
        partial = answer.partial_success or _PartialSuccess()
        rejected = int(partial.rejected_spans) or len(answer.errors)
        if answer.error is not None:
            return no_langfuse(response, sent)
    except (*DECODE_ERRORS, ValueError):
        return no_langfuse(response, sent)
    if not rejected:
        return DeliveryOutcome(delivered=sent)
    said = partial.error_message or next((str(error.error) for error in answer.errors), "")
    text = f"{rejected} of {len(sent)} observations were rejected: {excerpt(said)}"
    some_taken = rejected < len(sent)
    return DeliveryOutcome(
        refused=sent, faults=[DeliveryFault("rejected", text)], too_large=some_taken
    )


def read_batch(
    response: httpx.Response, ids: Sequence[str], sent: list[Sent]
) -> DeliveryOutcome[Sent]:
    """The outcome of an ingestion batch: a 207 that names every event by its id, taken or not."""
    try:
        answer = msgspec.json.decode(response.content, type=_BatchAnswer)
    except DECODE_ERRORS:
        return no_langfuse(response, sent)
    taken = {success.id for success in answer.successes}
    errors = {error.id: error for error in answer.errors}
    outcome: DeliveryOutcome[Sent] = DeliveryOutcome(
        wrong_wire=any(error.message == _NOT_ACCEPTED for error in answer.errors),
        faults=_rejections(answer.errors, len(sent)),
    )
    for event, item in zip(ids, sent, strict=True):
        error = errors.get(event)
        if error and _is_final(error.status):
            outcome.refused.append(item)
        elif error or event not in taken:
            outcome.again.append(item)
        else:
            outcome.delivered.append(item)
    return outcome


def _is_final(status: int) -> bool:
    """Whether trying again is of no use."""
    return 0 < status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in PASSING


def event_id(entry: TraceEntry) -> str:
    """The id by which a batch and its answer name an entry."""
    return entry.id if isinstance(entry, Score) else entry.span_id


def _rejections(errors: list[_EventError], sent: int) -> list[DeliveryFault]:
    if not errors:
        return []
    said = excerpt(f"{errors[0].message or ''} {errors[0].error or ''}".strip())
    return [
        DeliveryFault(
            "rejected", f"{len(errors)} events beside {sent} entries were rejected: {said}"
        )
    ]


def no_langfuse(response: httpx.Response, sent: list[Sent]) -> DeliveryOutcome[Sent]:
    """The outcome where the answer is a success that no Langfuse would put so."""
    text = f"{response.request.url} answers {response.status_code} with what no Langfuse answers"
    fault = DeliveryFault(
        "no Langfuse", f"{text}: check LANGFUSE_URL: {excerpt(response.text) or 'empty'}"
    )
    return DeliveryOutcome(refused=sent, faults=[fault])
