"""What a Langfuse server answered: who was delivered, who may try again, who was refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from mcstress.services.failure_reason import DECODE_ERRORS
from mcstress.tracing.observation import Entry, Score

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

Sent = TypeVar("Sent")
"""What a sender sends: entries, or what they are made of when their turn comes."""

KEYS = "keys"
"""The kind of fault that lasts until a person mends it."""

_LONGEST_EXCERPT = 200
_HALF_A_WORD = r"[\w+/=.~-]*\Z"
_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_TIMED_OUT_BEHIND_A_PROXY = 524
_UNANSWERED = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.GATEWAY_TIMEOUT,
    _TIMED_OUT_BEHIND_A_PROXY,
)
"""What a proxy says that gave up waiting: the server behind it may be storing still."""
_API = "/api/public/"
_NOT_ACCEPTED = "Event type not accepted"


class Fault(msgspec.Struct, frozen=True):
    """What went wrong: a ``kind`` that is warned of once in a while, and the ``text`` to say."""

    kind: str
    text: str


class Reply(msgspec.Struct, Generic[Sent]):
    """The fate of what was sent.

    ``again``: worth another try, after ``after_s`` where the server named a time. ``refused``: this
    server will not take them. ``lost``: they cannot be sent at all, and why. ``too_large``: send
    fewer at once. ``wrong_wire``: it does not speak this way of sending. ``unanswered``: how many
    were in one body of which nobody said what became of it: the first of ``again``. They may be
    being stored still; send fewer of them at once.
    """

    delivered: list[Sent] = []
    again: list[Sent] = []
    refused: list[Sent] = []
    lost: list[tuple[Sent, str]] = []
    faults: list[Fault] = []
    after_s: float | None = None
    too_large: bool = False
    wrong_wire: bool = False
    unanswered: int = 0

    def join(self, other: Reply[Sent]) -> None:
        """Add the fate of what else was sent."""
        self.delivered += other.delivered
        self.again += other.again
        self.refused += other.refused
        self.lost += other.lost
        self.faults += other.faults
        self.wrong_wire = self.wrong_wire or other.wrong_wire
        self.unanswered = max(self.unanswered, other.unanswered)
        self.after_s = max(filter(None, (self.after_s, other.after_s)), default=None)


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


def read_status(response: httpx.Response, sent: list[Sent]) -> Reply[Sent] | None:
    """The reply where the status alone decides; None for 2xx, whose body decides."""
    status = response.status_code
    where = f"{response.request.url} answers {status}"
    if response.is_success:
        return None
    if status in _PASSING or response.is_server_error:
        fault = Fault(f"status {status}", f"{where}: trying again later")
        unanswered = len(sent) if status in _UNANSWERED else 0
        after_s = retry_after_s(response)
        return Reply(again=sent, faults=[fault], after_s=after_s, unanswered=unanswered)
    reply = Reply(refused=sent)
    match status:
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            reply.too_large = True
            fault = Fault("too large", f"{where}: too much at once")
        case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED:
            reply.wrong_wire = True
            fault = Fault("no such address", f"{where}: check LANGFUSE_URL")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            fault = keys_fault(where, response.text)
        case _ if response.has_redirect_location:
            fault = Fault("redirect", f"{where}: {_advice(response)}")
        case _:
            text = f"{where}: it refuses what is sent: {excerpt(response.text)}"
            fault = Fault(f"status {status}", text)
    reply.faults = [fault]
    return reply


def _advice(response: httpx.Response) -> str:
    """What to put into LANGFUSE_URL so that nothing is redirected any more, where that is known."""
    asked = response.request.url
    target = asked.join(response.headers["location"])
    target = target.copy_with(userinfo=b"", query=None, fragment=None)
    base, api, route = asked.path.rpartition(_API)
    path = target.path.removesuffix("/")
    target_base = path.removesuffix(api + route)
    if target_base == path or target.scheme not in ("http", "https"):
        return f"it points to {target}, which is no address of Langfuse's API: check LANGFUSE_URL"
    found = target.copy_with(path=target_base or "/")
    if found == asked.copy_with(path=base or "/"):
        return f"it points back to {target}: check the proxy in front of Langfuse"
    return f"set LANGFUSE_URL to {str(found).removesuffix('/')}"


def keys_fault(where: str, said: str) -> Fault:
    """The fault where a server takes the keys for wrong, or their project for blocked."""
    hint = "check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"
    return Fault(KEYS, f"{where}: {hint}: {excerpt(said)}")


def read_otlp(response: httpx.Response, sent: list[Sent]) -> Reply[Sent]:
    """The reply to spans. Where a part is rejected, nobody says which: ``too_large`` then.

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
        return Reply(delivered=sent)
    said = partial.error_message or next((str(error.error) for error in answer.errors), "")
    text = f"{rejected} of {len(sent)} observations were rejected: {excerpt(said)}"
    some_taken = rejected < len(sent)
    return Reply(refused=sent, faults=[Fault("rejected", text)], too_large=some_taken)


def read_batch(response: httpx.Response, ids: Sequence[str], sent: list[Sent]) -> Reply[Sent]:
    """The reply to an ingestion batch: a 207 that names every event by its id, taken or not."""
    try:
        answer = msgspec.json.decode(response.content, type=_BatchAnswer)
    except DECODE_ERRORS:
        return no_langfuse(response, sent)
    taken = {success.id for success in answer.successes}
    errors = {error.id: error for error in answer.errors}
    reply: Reply[Sent] = Reply(
        wrong_wire=any(error.message == _NOT_ACCEPTED for error in answer.errors),
        faults=_rejections(answer.errors, len(sent)),
    )
    for event, item in zip(ids, sent, strict=True):
        error = errors.get(event)
        if error and _is_final(error.status):
            reply.refused.append(item)
        elif error or event not in taken:
            reply.again.append(item)
        else:
            reply.delivered.append(item)
    return reply


def _is_final(status: int) -> bool:
    """Whether trying again is of no use."""
    return 0 < status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _PASSING


def event_id(entry: Entry) -> str:
    """The id by which a batch and its answer name an entry."""
    return entry.id if isinstance(entry, Score) else entry.span_id


def _rejections(errors: list[_EventError], sent: int) -> list[Fault]:
    if not errors:
        return []
    said = excerpt(f"{errors[0].message or ''} {errors[0].error or ''}".strip())
    return [Fault("rejected", f"{len(errors)} events beside {sent} entries were rejected: {said}")]


def no_langfuse(response: httpx.Response, sent: list[Sent]) -> Reply[Sent]:
    """The reply where the answer is a success that no Langfuse would put so."""
    text = f"{response.request.url} answers {response.status_code} with what no Langfuse answers"
    fault = Fault("no Langfuse", f"{text}: check LANGFUSE_URL: {excerpt(response.text) or 'empty'}")
    return Reply(refused=sent, faults=[fault])


def retry_after_s(response: httpx.Response) -> float | None:
    """The seconds that the server asks to wait, from a number or a date; None if it does not."""
    value = response.headers.get("retry-after", "")
    if re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
        return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None


def excerpt(text: str) -> str:
    """The beginning of ``text``, on one line, cut between words: half a key is no key to blank."""
    line = " ".join(text.split())
    if len(line) <= _LONGEST_EXCERPT:
        return line
    return f"{re.sub(_HALF_A_WORD, '', line[:_LONGEST_EXCERPT])}…"
