"""The embedded stack with faults: the same parts, each spoilt as ``InjectedFaults`` says.

Nothing here is used by a stack without faults. What is random comes from a hash of the seed, the
fault and the request, never from the order of arrival, so that a run can be repeated; only
``nondeterminism`` also counts how often the same request came. The faults of retrieval are those of
the large corpora that the stack is made with: a small index is searched as it should be, and so is
the memory, so that each fault is one fault.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from contextvars import ContextVar
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from starlette.requests import Request

from mcstress.services.embedded.chat import Chat, ChatBody, written
from mcstress.services.embedded.demand_parsing import read_demand
from mcstress.services.embedded.http import LARGEST_ITEMS_BYTES, error_answer, read_body
from mcstress.services.embedded.lexicon import load_lexicon
from mcstress.services.embedded.matrix import MatrixEngine

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mcstress.services.embedded import corpus
    from mcstress.services.embedded.bodies import SearchAnswer, SearchBody
    from mcstress.services.embedded.corpus import CorpusHit, CorpusIndex, IndexedItem, Vector
    from mcstress.services.embedded.faults import InjectedFaults, Outage
    from mcstress.services.embedded.playbook import Recording

FAR = 20
"""Times the hits asked for: where hits come from that take the place of dropped ones. There a hit
still has the role that was asked for; city, certificates and shift are as chance has them."""
SPARE = 32
COUNTED = 1 << 16
"""Requests are counted by 16 bits of their hash, so that the counts never grow."""
UNAVAILABLE = 503
SEARCH = "/v1/matrix/search"
LLM_PATHS = "/api/"
PROSE = "I would be glad to help! Let me think about what this message says first."

ClientAddress = tuple[str, int] | None
connection: ContextVar[ClientAddress] = ContextVar("connection", default=None)
"""The client's address and port of the request that is answered; None while a stack is restored."""


class Dice:
    """Numbers that are random, and the same for the same seed and key."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def bits(self, *key: object) -> int:
        """64 bits for ``key``."""
        text = "\0".join(map(str, (self._seed, *key)))
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8)
        return int.from_bytes(digest.digest())

    def falls(self, share: float, *key: object) -> bool:
        """Whether ``key`` is among ``share`` of all keys."""
        return share > 0 and self.bits(*key) < share * 2**64

    def vector(self, dimension: int, *key: object) -> Vector:
        """A direction for ``key``, all equally likely."""
        numbers = np.random.default_rng(self.bits(*key)).standard_normal(dimension)
        unit: Vector = (numbers / np.linalg.norm(numbers)).astype(np.float32)
        return unit


class FaultyMatrix(MatrixEngine):
    """``sound`` as it would be with ``faults``; ``sound`` itself is not to be used any more."""

    def __init__(self, sound: MatrixEngine, faults: InjectedFaults, seed: int) -> None:
        super().__init__(sound.embedding, list(sound.corpora.values()))
        self._faults = faults
        self._dice = Dice(seed)
        self._large = frozenset(sound.corpora)
        self._lexicon = load_lexicon()
        self._asked = array("L", bytes(COUNTED * array("L").itemsize))
        self._turn: int | None = None
        self._lagging: dict[tuple[str, str], tuple[ClientAddress, float]] = {}

    def record(self, namespace: str, recording: Recording) -> None:
        """Remember ``recording``, or do not."""
        if not self._dice.falls(self._faults.forget, "forget", namespace, *recording.triple):
            super().record(namespace, recording)

    def add(self, name: str, items: list[IndexedItem], vectors: corpus.Matrix) -> None:
        """Add ``items`` but those that are lost; on one replica at first."""
        lost = [self._dice.falls(self._faults.lose_fresh, "lose", name, one.id) for one in items]
        kept = [row for row, is_lost in enumerate(lost) if not is_lost]
        if not kept:
            return
        super().add(name, [items[row] for row in kept], vectors[kept])
        asker = connection.get()
        if self._faults.replica_lag_s and asker is not None:
            seen_s = time.monotonic() + self._faults.replica_lag_s
            self._lagging |= {(name, items[row].id): (asker, seen_s) for row in kept}

    def search(self, body: SearchBody) -> SearchAnswer:
        """The answer that a stack with these faults gives."""
        faults, dice, query = self._faults, self._dice, body.query_text
        if body.exclude_ids and dice.falls(faults.ignore_exclude, "exclude", query):
            body = msgspec.structs.replace(body, exclude_ids=[])
        self._turn = self._changing_turn(body) if faults.nondeterminism else None
        answer = super().search(body)
        if dice.falls(faults.null_results, "null", query):
            answer.results = None
        elif answer.results and dice.falls(faults.same_ids, "ids", query):
            first = answer.results[0]
            answer.results = [
                msgspec.structs.replace(hit, id=first.id, corpus=first.corpus)
                for hit in answer.results
            ]
        return answer

    def nearest(
        self, corpus: CorpusIndex, vector: Vector, count: int, body: SearchBody
    ) -> list[CorpusHit]:
        """What is found in ``corpus``, as these faults have it."""
        excluded = body.exclude_ids
        if self._lagging:
            excluded = excluded + self._not_yet_seen(corpus.name)
        if corpus.name not in self._large:
            return corpus.search(vector, count, excluded)
        vector = self._asked_for(vector, body.query_text)
        if self._turn is not None:
            found = corpus.search(vector, 2 * count + SPARE, excluded)
            return self._half(found, count, body.query_text)
        if self._faults.recall < 1:
            found = corpus.search(vector, (FAR + 1) * count, excluded)
            return self._dropped(found, count, body.query_text)
        return corpus.search(vector, count, excluded)

    def _asked_for(self, vector: Vector, query: str) -> Vector:
        """What is searched for in place of ``vector``."""
        if self._dice.falls(self._faults.noise, "noise", query):
            return self._dice.vector(len(vector), "vector", query)
        if self._dice.falls(self._faults.cycle, "cycle", query):
            role = read_demand(query, self._lexicon).role
            return self.embedding.encode(role) if role else vector
        return vector

    def _dropped(self, found: list[CorpusHit], count: int, query: str) -> list[CorpusHit]:
        """The first ``count`` of ``found``, a share of them; the last of ``found`` for the rest."""
        kept = [
            hit
            for hit in found[:count]
            if self._dice.falls(self._faults.recall, "recall", query, hit.corpus, hit.id)
        ]
        far = found[count:]
        return [*kept, *far[max(0, len(far) - (count - len(kept))) :]]

    def _half(self, found: list[CorpusHit], count: int, query: str) -> list[CorpusHit]:
        """``count`` of ``found`` in order, of which each was passed over with a chance of half."""
        key = ("half", self._turn, query)
        return [hit for hit in found if self._dice.bits(*key, hit.corpus, hit.id) & 1][:count]

    def _changing_turn(self, body: SearchBody) -> int | None:
        """How often the same request came before; None where its list does not change."""
        key = self._dice.bits("turn", msgspec.json.encode(body).decode())
        turn = self._asked[key % COUNTED]
        self._asked[key % COUNTED] += 1
        changes = self._dice.falls(self._faults.nondeterminism, "changes", key, turn)
        return turn if changes else None

    def _not_yet_seen(self, name: str) -> list[str]:
        """The ids of an index that the connection asking is not shown yet."""
        now_s, asker = time.monotonic(), connection.get()
        self._lagging = {
            item: (adder, seen_s)
            for item, (adder, seen_s) in self._lagging.items()
            if seen_s > now_s
        }
        return [
            item_id
            for (index, item_id), (adder, _) in self._lagging.items()
            if index == name and adder != asker
        ]


class FaultyChat(Chat):
    """The built-in LLM, which says prose or echoes."""

    def __init__(self, faults: InjectedFaults, seed: int) -> None:
        super().__init__()
        self._faults = faults
        self._dice = Dice(seed)

    def content(self, body: ChatBody) -> str:
        """What it says, or what it says under its faults."""
        text, asked = body.messages[-1].content, ",".join(sorted(body.properties))
        if self._dice.falls(self._faults.unparseable, "unparseable", asked, text):
            return PROSE
        if asked == "paraphrase" and self._dice.falls(self._faults.echo_paraphrase, "echo", text):
            return written({"paraphrase": text if self._dice.bits("which", text) & 1 else asked})
        return super().content(body)


class FaultyApp:
    """``app``, whose gateway is slow and out of service as ``faults`` say; the LLM is neither."""

    def __init__(self, app: ASGIApp, faults: InjectedFaults) -> None:
        self._app = app
        self._outage = faults.outage
        self._slow_s = faults.slow_ms / 1000
        self._first_search_s: float | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, at once or later."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope["client"]
        connection.set((client[0], client[1]) if client else None)
        if not scope["path"].startswith(LLM_PATHS):
            wait_s = self._slow_s
            if self._outage is not None:
                left_s = self._silence_left_s(self._outage, scope["path"])
                if left_s > 0 and self._outage.refuses:
                    refusal = error_answer(UNAVAILABLE, "out of service (fault outage)")
                    await refusal(scope, receive, send)
                    return
                wait_s += left_s
            if wait_s > 0:
                await self._later(wait_s, scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _silence_left_s(self, outage: Outage, path: str) -> float:
        """Seconds until the gateway answers; 0 where it does."""
        now_s = time.monotonic()
        if self._first_search_s is None:
            if path != SEARCH:
                return 0.0
            self._first_search_s = now_s
        since_s = now_s - self._first_search_s
        return outage.end_s - since_s if outage.begin_s <= since_s < outage.end_s else 0.0

    async def _later(self, wait_s: float, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer after ``wait_s``, unless the client goes away before."""
        body: bytes | None = await read_body(Request(scope, receive), LARGEST_ITEMS_BYTES)

        async def read_again() -> Message:
            nonlocal body
            if body is None:
                return await receive()
            message = {"type": "http.request", "body": body, "more_body": False}
            body = None
            return message

        gone = asyncio.ensure_future(receive())
        try:
            await asyncio.wait((gone,), timeout=wait_s)
        except asyncio.CancelledError:  # the stack ends; uvicorn would write a traceback of it
            await error_answer(UNAVAILABLE, "the stack is ending")(scope, receive, send)
            return
        finally:
            away = gone.done()
            gone.cancel()
        if not away:
            await self._app(scope, read_again, send)
