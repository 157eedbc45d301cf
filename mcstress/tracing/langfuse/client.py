"""A Langfuse server: which generation it is, and how observations and scores get into it."""

from __future__ import annotations

import re
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Generic, Literal

import httpx
import msgspec

from mcstress.services.failure_reason import DECODE_ERRORS
from mcstress.tracing.langfuse.answer_limit import limit_answers
from mcstress.tracing.langfuse.encoding import Batch, Encoder, SendPolicy
from mcstress.tracing.langfuse.http_client import langfuse_client
from mcstress.tracing.langfuse.ingestion import Batches
from mcstress.tracing.langfuse.no_answer import NoAnswer, no_answer
from mcstress.tracing.langfuse.otlp import Otlp
from mcstress.tracing.langfuse.response import Reply, Sent, no_langfuse, read_status
from mcstress.tracing.observation import Score

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mcstress.tracing.langfuse.settings import Settings
    from mcstress.tracing.observation import Entry

Wire = Literal["otlp", "ingestion"]
Version = tuple[int, ...]

FIRST_WITH_OTLP: Version = (3, 63)
"""Servers from 3.22 on have the address, but take JSON only from 3.27 and gzip from 3.30, and read
Langfuse's attributes later still; 3.63 is what the official SDK asks for. Before it, batches lose
nothing."""
FIRST_WITH_SESSION_SCORES: Version = (3, 53)

NO_SESSION_SCORES = "the server has no scores on sessions"
UNSERIALISABLE = "cannot be written as JSON"

HEALTH = "/api/public/health"
LARGEST_BODY = 4_000_000
TIMEOUT_S = 2.0


class Server(Generic[Sent]):
    """Sends to one server. Nothing here raises for what a server or a network does.

    ``entry_of`` makes an entry when its turn comes, the same each time, or None where it cannot.
    ``wire`` is how observations travel; where it is not given, the server's version decides, which
    is asked for once, before the first of them.
    """

    def __init__(
        self,
        settings: Settings,
        entry_of: Callable[[Sent], Entry | None],
        manners: SendPolicy | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        wire: Wire | None = None,
    ) -> None:
        self.settings = settings
        self.version: Version = ()
        self.wire = wire
        self.http = limit_answers(langfuse_client(settings, timeout_s))
        self._entry_of = entry_of
        self._timeout_s = timeout_s
        self._manners = manners or SendPolicy()
        self._roads: dict[Wire, Encoder] = {"otlp": Otlp(), "ingestion": Batches()}
        self._largest_body = dict.fromkeys(self._roads.values(), LARGEST_BODY)
        self._greeted = self._switched = False

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def greet(self) -> Reply[Sent] | None:
        """Learn the server's version, once, without keys; a reply to nothing where that fails."""
        if self._greeted:
            return None
        answer = self._call("GET", HEALTH)
        nothing: list[Sent] = []
        if isinstance(answer, NoAnswer):
            return Reply(faults=[answer.fault])
        if (reply := read_status(answer, nothing)) and answer.status_code != HTTPStatus.NOT_FOUND:
            return reply
        if answer.is_success and not _is_object(answer.content):
            return no_langfuse(answer, nothing)
        self._greeted = True
        self.version = _version(answer)
        speaks_otlp = not self.version or self.version >= FIRST_WITH_OTLP
        self.wire = self.wire or ("otlp" if speaks_otlp else "ingestion")
        return None

    def send_observations(self, observations: Sequence[Sent]) -> Reply[Sent]:
        """Send ``observations`` in as few bodies as the server's limits allow."""
        return self._unmet(observations) or self._send_observations(observations)

    def send_scores(self, scores: Sequence[Sent]) -> Reply[Sent]:
        """Send ``scores``, of which a server stores one after the other."""
        return self._unmet(scores) or self._send_scores([*scores])

    def _unmet(self, items: Sequence[Sent]) -> Reply[Sent] | None:
        """The fate of ``items`` where the server did not say which version it is."""
        reply = self.greet()
        if reply:
            reply.again = [*items]
        return reply

    def _send_observations(self, observations: Sequence[Sent]) -> Reply[Sent]:
        reply = self._send(self._roads[self.wire or "otlp"], observations)
        if reply.wrong_wire and not self._switched:
            other: Wire = "ingestion" if self.wire == "otlp" else "otlp"
            refused, reply.refused, reply.faults = reply.refused, [], []
            found = self._send(self._roads[other], refused)
            reply.join(found)
            if found.delivered:  # a proxy that restarts says 404 as well, and speaks neither
                self.wire, self._switched = other, True
        return reply

    def _send_scores(self, scores: list[Sent]) -> Reply[Sent]:
        reply: Reply[Sent] = Reply()
        if self.version and self.version < FIRST_WITH_SESSION_SCORES:
            reply.lost = [(score, NO_SESSION_SCORES) for score in scores if _on_session(score)]
            scores = [score for score in scores if not _on_session(score)]
        reply.join(self._send(self._roads["ingestion"], scores))
        return reply

    def _send(self, road: Encoder, items: Sequence[Sent]) -> Reply[Sent]:
        """Post ``items``, a body at a time, until the server is in no state to take more."""
        reply: Reply[Sent] = Reply()
        rest = deque(items)
        while rest and not reply.again:
            reply.join(self._post(road, rest))
        reply.again += rest
        return reply

    def _post(self, road: Encoder, rest: deque[Sent]) -> Reply[Sent]:
        """Post one body with as much of ``rest`` as fits, and take that off it."""
        letter = road.letter()
        sent, lost = self._fill(letter, road, rest)
        if not sent:
            return Reply(lost=lost)
        headers = {"content-type": "application/json", **road.headers}
        answer = self._call("POST", road.path, content=letter.close(), headers=headers)
        if isinstance(answer, NoAnswer):
            reply = answer.reply(sent)
            reply.lost = lost
            return reply
        reply = read_status(answer, sent) or letter.read(answer, sent)
        if reply.too_large and len(sent) > 1:
            if answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                self._largest_body[road] = min(self._largest_body[road], letter.size // 2)
            reply = self._in_halves(road, sent)
        reply.lost = lost + reply.lost
        return reply

    def _fill(
        self, letter: Batch, road: Encoder, rest: deque[Sent]
    ) -> tuple[list[Sent], list[tuple[Sent, str]]]:
        """Move from ``rest`` to ``letter`` what fits: what is in it now, and what cannot be sent.

        An entry is made, written and let go while the processor has it at hand.
        """
        sent: list[Sent] = []
        lost: list[tuple[Sent, str]] = []
        while rest:
            entry = self._entry_of(rest[0])
            encoded = None if entry is None else _encoded(road, entry)
            if entry is None or encoded is None:
                lost.append((rest.popleft(), UNSERIALISABLE))
                continue
            if sent and letter.size + len(encoded) > self._largest_body[road]:
                break
            letter.add(entry, encoded)
            sent.append(rest.popleft())
            if len(sent) % self._manners.slice_size == 0:
                letter.work()
                self._manners.yield_to_loop()
        return sent, lost

    def _in_halves(self, road: Encoder, items: list[Sent]) -> Reply[Sent]:
        """Post the halves of what was too much at once, or in part not wanted."""
        half = len(items) // 2
        reply = self._send(road, items[:half])
        if reply.again:
            reply.again += items[half:]
        else:
            reply.join(self._send(road, items[half:]))
        return reply

    def _call(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response | NoAnswer:
        """One request; the time-out is for each of its steps, and four of it for the whole."""
        try:
            with self._manners.limit(4 * self._timeout_s):
                return self.http.request(method, path, content=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # of a redirect's, too
            return no_answer(self.settings, error, self._timeout_s)


def _on_session(item: object) -> bool:
    return isinstance(item, Score) and bool(item.session_id)


def _encoded(road: Encoder, entry: Entry) -> bytes | None:
    """The entry as ``road`` writes it; None where a text in it is no text."""
    try:
        return road.encode(entry)
    except (UnicodeError, ValueError, TypeError, OverflowError):
        return None


def _is_object(content: bytes) -> bool:
    """Whether a health answer is of the form that Langfuse's has."""
    try:
        return isinstance(msgspec.json.decode(content), dict)
    except DECODE_ERRORS:
        return False


def _version(response: httpx.Response) -> Version:
    """The version in a health answer; empty where it says none."""
    numbers = re.search(r'"version"\s*:\s*"v?(\d+)\.(\d+)(?:\.(\d+))?', response.text)
    return tuple(int(number) for number in numbers.groups("0")) if numbers else ()
