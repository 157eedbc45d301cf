"""A Langfuse server: which generation it is, and how observations and scores get into it."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Generic, Literal

import httpx
import msgspec

from mcstress.services.failure_reason import DECODE_ERRORS
from mcstress.tracing.http.batch_posting import TIMEOUT_S, Encoder, Poster, SendPolicy
from mcstress.tracing.http.client import make_client
from mcstress.tracing.http.delivery_outcome import DeliveryOutcome, NoAnswer, Sent, read_status
from mcstress.tracing.langfuse.answer import no_langfuse
from mcstress.tracing.langfuse.ingestion import Batches
from mcstress.tracing.langfuse.otlp import Otlp
from mcstress.tracing.observation import Score

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcstress.tracing.langfuse.settings import LangfuseSettings
    from mcstress.tracing.observation import TraceEntry

Wire = Literal["otlp", "ingestion"]
Version = tuple[int, ...]

FIRST_WITH_OTLP: Version = (3, 63)
"""Servers from 3.22 on have the address, but take JSON only from 3.27 and gzip from 3.30, and read
Langfuse's attributes later still; 3.63 is what the official SDK asks for. Before it, batches lose
nothing."""
FIRST_WITH_SESSION_SCORES: Version = (3, 53)

NO_SESSION_SCORES = "the server has no scores on sessions"

HEALTH = "/api/public/health"


class LangfuseServer(Generic[Sent]):
    """Sends to one server. Nothing here raises for what a server or a network does.

    ``entry_of`` makes an entry when its turn comes, the same each time, or None where it cannot.
    ``wire`` is how observations travel; where it is not given, the server's version decides, which
    is asked for once, before the first of them.
    """

    has_questions = False

    def __init__(
        self,
        settings: LangfuseSettings,
        entry_of: Callable[[Sent], TraceEntry | None],
        policy: SendPolicy | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        wire: Wire | None = None,
    ) -> None:
        self.settings = settings
        self.version: Version = ()
        self.wire = wire
        keys = httpx.BasicAuth(settings.public_key, settings.secret_key)
        self.http = make_client(settings.url, timeout_s, auth=keys)
        self._poster = Poster(settings.peer, self.http, entry_of, policy or SendPolicy(), timeout_s)
        self._encoders: dict[Wire, Encoder] = {"otlp": Otlp(), "ingestion": Batches()}
        self._greeted = self._switched = False

    def introduce(self) -> None:
        """Nothing: it is greeted before anything is sent."""

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def greet(self) -> DeliveryOutcome[Sent] | None:
        """Learn the server's version, once, without keys; the outcome of that where it fails."""
        if self._greeted:
            return None
        answer = self._poster.call("GET", HEALTH)
        nothing: list[Sent] = []
        if isinstance(answer, NoAnswer):
            return DeliveryOutcome(faults=[answer.fault])
        outcome = read_status(answer, nothing, self.settings.peer)
        if outcome and answer.status_code != HTTPStatus.NOT_FOUND:
            return outcome
        if answer.is_success and not _is_object(answer.content):
            return no_langfuse(answer, nothing)
        self._greeted = True
        self.version = _version(answer)
        speaks_otlp = not self.version or self.version >= FIRST_WITH_OTLP
        self.wire = self.wire or ("otlp" if speaks_otlp else "ingestion")
        return None

    def send_observations(self, observations: Sequence[Sent]) -> DeliveryOutcome[Sent]:
        """Send ``observations`` in as few bodies as the server's limits allow."""
        return self._unmet(observations) or self._send_observations(observations)

    def send_scores(self, scores: Sequence[Sent]) -> DeliveryOutcome[Sent]:
        """Send ``scores``, of which a server stores one after the other."""
        return self._unmet(scores) or self._send_scores([*scores])

    def _unmet(self, items: Sequence[Sent]) -> DeliveryOutcome[Sent] | None:
        """The fate of ``items`` where the server did not say which version it is."""
        outcome = self.greet()
        if outcome:
            outcome.again = [*items]
        return outcome

    def _send_observations(self, observations: Sequence[Sent]) -> DeliveryOutcome[Sent]:
        outcome = self._poster.send(self._encoders[self.wire or "otlp"], observations)
        if outcome.wrong_wire and not self._switched:
            other: Wire = "ingestion" if self.wire == "otlp" else "otlp"
            refused, outcome.refused, outcome.faults = outcome.refused, [], []
            found = self._poster.send(self._encoders[other], refused)
            outcome.join(found)
            if found.delivered:  # a proxy that restarts says 404 as well, and speaks neither
                self.wire, self._switched = other, True
        return outcome

    def _send_scores(self, scores: list[Sent]) -> DeliveryOutcome[Sent]:
        outcome: DeliveryOutcome[Sent] = DeliveryOutcome()
        if self.version and self.version < FIRST_WITH_SESSION_SCORES:
            outcome.lost = [(score, NO_SESSION_SCORES) for score in scores if _on_session(score)]
            scores = [score for score in scores if not _on_session(score)]
        outcome.join(self._poster.send(self._encoders["ingestion"], scores))
        return outcome


def _on_session(item: object) -> bool:
    return isinstance(item, Score) and bool(item.session_id)


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
