"""What became of what was sent: who was delivered, who may try again, who was refused, and why."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Generic, NamedTuple, TypeVar

import httpx
import msgspec

from mcstress.tracing.http.answer_limit import AnswerTooLongError

Sent = TypeVar("Sent")
"""What a sender sends: entries, or what they are made of when their turn comes."""

REJECTED = "rejected by the collector"
"""Why something is lost of a body of which a server took a part and did not say which."""
KEYS = "keys"
"""The kind of fault that lasts until a person mends it."""

_LONGEST_EXCERPT = 200
_HALF_A_WORD = r"[\w+/=.~-]*\Z"
PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
"""Refusals that pass: the same may be sent again later."""
_TIMED_OUT_BEHIND_A_PROXY = 524
_UNANSWERED = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.GATEWAY_TIMEOUT,
    _TIMED_OUT_BEHIND_A_PROXY,
)
"""What a proxy says that gave up waiting: the server behind it may be storing still."""

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Peer(NamedTuple):
    """Who is called, and what a user is told to look at where that fails.

    ``name`` is for sentences. ``address_by`` and ``keys_by`` are the option or variables that say
    where it is, and what lets us in. ``api``: what stands in every path between the address that a
    user gives and a route; empty where the address is called as it is.
    """

    name: str
    url: str
    address_by: str
    keys_by: str
    api: str = ""


class DeliveryFault(msgspec.Struct, frozen=True):
    """What went wrong: a ``kind`` that is warned of once in a while, and the ``text`` to say."""

    kind: str
    text: str


class DeliveryOutcome(msgspec.Struct, Generic[Sent]):
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
    faults: list[DeliveryFault] = []
    after_s: float | None = None
    too_large: bool = False
    wrong_wire: bool = False
    unanswered: int = 0

    def join(self, other: DeliveryOutcome[Sent]) -> None:
        """Add the fate of what else was sent."""
        self.delivered += other.delivered
        self.again += other.again
        self.refused += other.refused
        self.lost += other.lost
        self.faults += other.faults
        self.wrong_wire = self.wrong_wire or other.wrong_wire
        self.unanswered = max(self.unanswered, other.unanswered)
        self.after_s = max(filter(None, (self.after_s, other.after_s)), default=None)


def read_status(
    response: httpx.Response, sent: list[Sent], peer: Peer
) -> DeliveryOutcome[Sent] | None:
    """The outcome where the status alone decides; None for 2xx, whose body decides."""
    status = response.status_code
    where = f"{response.request.url} answers {status}"
    if response.is_success:
        return None
    if status in PASSING or response.is_server_error:
        fault = DeliveryFault(f"status {status}", f"{where}: trying again later")
        unanswered = len(sent) if status in _UNANSWERED else 0
        after_s = retry_after_s(response)
        return DeliveryOutcome(again=sent, faults=[fault], after_s=after_s, unanswered=unanswered)
    outcome = DeliveryOutcome(refused=sent)
    match status:
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            outcome.too_large = True
            fault = DeliveryFault("too large", f"{where}: too much at once")
        case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED:
            outcome.wrong_wire = True
            fault = DeliveryFault("no such address", f"{where}: check {peer.address_by}")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            fault = keys_fault(where, response.text, peer)
        case _ if response.has_redirect_location:
            fault = DeliveryFault("redirect", f"{where}: {_advice(response, peer)}")
        case _:
            text = f"{where}: it refuses what is sent: {excerpt(response.text)}"
            fault = DeliveryFault(f"status {status}", text)
    outcome.faults = [fault]
    return outcome


def _advice(response: httpx.Response, peer: Peer) -> str:
    """What to give as the address so that nothing is redirected any more, where that is known."""
    asked = response.request.url
    target = asked.join(response.headers["location"])
    target = target.copy_with(userinfo=b"", query=None, fragment=None)
    if target.scheme not in ("http", "https"):
        return f"it points to {target}, which cannot be called: check {peer.address_by}"
    if not peer.api:
        return f"give {target} as {peer.address_by}"
    base, api, route = asked.path.rpartition(peer.api)
    path = target.path.removesuffix("/")
    target_base = path.removesuffix(api + route)
    if target_base == path:
        no_address = f"which is no address of {peer.name}'s API"
        return f"it points to {target}, {no_address}: check {peer.address_by}"
    found = target.copy_with(path=target_base or "/")
    if found == asked.copy_with(path=base or "/"):
        return f"it points back to {target}: check the proxy in front of {peer.name}"
    return f"set {peer.address_by} to {str(found).removesuffix('/')}"


def keys_fault(where: str, said: str, peer: Peer) -> DeliveryFault:
    """The fault where a server takes the keys for wrong, or their project for blocked."""
    return DeliveryFault(KEYS, f"{where}: check {peer.keys_by}: {excerpt(said)}")


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
    line = "".join(filter(str.isprintable, " ".join(text.split())))
    if len(line) <= _LONGEST_EXCERPT:
        return line
    return f"{re.sub(_HALF_A_WORD, '', line[:_LONGEST_EXCERPT])}…"


class NoAnswer(msgspec.Struct, frozen=True):
    """A request that came to nothing.

    ``sent``: the server has it, or a part of it, and may be working on it still. ``final``: trying
    again is of no use.
    """

    fault: DeliveryFault
    sent: bool = False
    final: bool = False

    def outcome(self, items: list[Sent]) -> DeliveryOutcome[Sent]:
        """The fate of the ``items`` that were in the request."""
        if self.final:
            return DeliveryOutcome(refused=items, faults=[self.fault])
        unanswered = len(items) if self.sent else 0
        return DeliveryOutcome(again=items, faults=[self.fault], unanswered=unanswered)


def no_answer(peer: Peer, error: Exception, timeout_s: float) -> NoAnswer:
    """What the ``error`` of a request means; ``timeout_s`` is how long it had, in seconds."""
    url = peer.url
    if isinstance(error, AnswerTooLongError):
        return NoAnswer(
            DeliveryFault(f"no {peer.name}", f"{url}: {error}: check {peer.address_by}"), final=True
        )
    sent = isinstance(error, httpx.TransportError) and not isinstance(error, _NEVER_SENT)
    if isinstance(error, httpx.TimeoutException):
        return NoAnswer(
            DeliveryFault("slow", f"{url} gives no answer within {timeout_s:g} s"), sent
        )
    reason = str(error) or type(error).__name__
    return NoAnswer(DeliveryFault("unreachable", f"{url} cannot be reached: {reason}"), sent)
