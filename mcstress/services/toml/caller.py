"""One coordinator's requests to the services of a target's file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec

from mcstress.services.concurrent_calls import wait
from mcstress.services.failure_reason import clip
from mcstress.services.steady_clock import CLOCK
from mcstress.services.step import Step, leave_cut, part_times
from mcstress.services.target import TargetSetup
from mcstress.services.toml.operation import Operation, document
from mcstress.services.toml.plan import Plan, PollPlan
from mcstress.services.toml.pointer import Pointer, PointerError, kind_of
from mcstress.services.toml.service import Connections, Outgoing, TomlService
from mcstress.services.toml.template import Values
from mcstress.services.toml.vectors import (
    KeptVectors,
    builtin_vector,
    dimension_of,
    read_vector,
)
from mcstress.services.trace_context import TraceContext, new_span_id

Answer = TypeVar("Answer")
Parts = list[Step[Any]]

EMBED_QUERY, STORE_QUERY = "embed.query", "store.query"
"""The parts of a step that is made of several requests."""

logger = logging.getLogger(__name__)


class RequestError(Exception):
    """A request of a step failed; the message names it, and has the reason."""


class Known(msgspec.Struct):
    """What all coordinators of a process have found out: ids of corpora, those made, vectors."""

    corpus_ids: dict[str, str] = msgspec.field(default_factory=dict)
    made: set[str] = msgspec.field(default_factory=set)
    refused: set[str] = msgspec.field(default_factory=set)
    vectors: KeptVectors = msgspec.field(default_factory=KeptVectors)


class Caller:
    """Sends the requests of ``plan`` over connections of its own."""

    def __init__(
        self, plan: Plan, setup: TargetSetup, services: dict[str, TomlService], known: Known
    ) -> None:
        self.plan, self.setup, self.known = plan, setup, known
        self._services = services
        self._default = next(iter(services))
        self._connections = {name: Connections(one) for name, one in services.items()}
        embed = plan.tables.embed
        self._builtin = embed is not None and embed.builtin
        self._keeps = embed is not None and (embed.cache or embed.builtin)

    def another(self) -> Caller:
        """One with connections of its own."""
        return Caller(self.plan, self.setup, self._services, self.known)

    def close(self) -> None:
        """Close what is idle; a later request opens another connection."""
        for connections in self._connections.values():
            connections.close()

    def send(
        self,
        request: Operation,
        values: Values,
        trace: TraceContext | None = None,
        *,
        read: Callable[[bytes], Answer] | None = None,
        name: str = "",
    ) -> Step[Answer]:
        """The step of one request."""
        connections = self._connections[request.service or self._default]
        return request.send(connections, values, trace, read=read, name=name)

    def send_out(
        self,
        request: Operation,
        out: Outgoing,
        trace: TraceContext | None = None,
        *,
        read: Callable[[bytes], Answer] | None = None,
        name: str = "",
    ) -> Step[Answer]:
        """The same of a request that is filled in."""
        connections = self._connections[request.service or self._default]
        return request.send_out(connections, out, trace, read=read, name=name)

    def sent(self, request: Operation, of: str, values: Values, pointer: Pointer | None) -> Any:
        """What ``pointer`` finds in the answer of a request that is in no figure.

        RequestError where it failed; ``of`` says for what it was.
        """
        step: Step[Any] = self.send(request, values, read=document if pointer else None)
        try:
            if step.error is None and pointer is not None and step.answer is not None:
                return pointer.find(step.answer)
        except PointerError as fault:
            step.error = str(fault)
        if step.error is not None:
            raise RequestError(f"{request.name} {of}: {step.error}".replace(" :", ":"))
        return None

    def base(self, **values: Any) -> dict[str, Any]:
        """``values`` that are not None, and the host."""
        given = {name: value for name, value in values.items() if value is not None}
        if self.setup.url:
            given["host"] = self.setup.url
        return given

    def vector_into(
        self,
        values: dict[str, Any],
        needs: frozenset[str],
        trace: TraceContext | None,
        parts: Parts | None,
    ) -> None:
        """Put the vector of the text into ``values`` where ``needs`` have it.

        The request is taken down in ``parts``, but for a vector that is kept by its text. Raises
        RequestError.
        """
        if not needs & {"vector", "dimension"}:
            return
        vector = self._vector(values["text"], trace, parts)
        values["vector"] = vector
        if "dimension" in needs:
            values["dimension"] = dimension_of(vector)

    def _vector(self, text: str, trace: TraceContext | None, parts: Parts | None) -> msgspec.Raw:
        if self._keeps and (kept := self.known.vectors.get(text)) is not None:
            return kept
        if self._builtin:
            vector = builtin_vector(self.setup.seed, text)
        else:
            step = self.embed(text, trace, EMBED_QUERY)
            if parts is not None and not self._keeps:
                parts.append(step)
            if step.answer is None:
                raise RequestError(f"embed: {step.error or 'no answer'}")
            vector = step.answer
        if self._keeps:
            self.known.vectors.keep(text, vector)
        return vector

    def embed(self, text: str, trace: TraceContext | None, name: str) -> Step[msgspec.Raw]:
        """The step of an embedder's request."""
        assert self.plan.embed is not None
        assert self.plan.vector is not None
        read = partial(read_vector, self.plan.vector)
        return self.send(self.plan.embed, self.base(text=text), trace, read=read, name=name)

    def corpus_into(self, values: dict[str, Any], needs: frozenset[str], corpus: str) -> None:
        """Put the corpus and, where ``needs`` have it, its own id into ``values``."""
        values["corpus"] = corpus
        if "corpus_id" in needs:
            values["corpus_id"] = self.corpus_id(corpus)

    def corpus_id(self, corpus: str) -> str:
        """The corpus's own id, asked for once a process; RequestError where nobody says it."""
        found = self.known.corpus_ids.get(corpus)
        if found is None:
            resolve = self.plan.resolve
            if resolve is None:
                raise RequestError(f"{{corpus_id}} of {corpus}: no [resolve], and it was not made")
            pointer = self.plan.corpus_ids["resolve"]
            said = self.sent(resolve, corpus, self.base(corpus=corpus), pointer)
            found = _id(said, pointer, f"{resolve.name} {corpus}")
            self.known.corpus_ids[corpus] = found
        return found

    def ensure(self, corpus: str, dimension: int | None) -> None:
        """Make the corpus, once a process, where the file says how.

        Where that is refused, writing to it may work all the same, and is what counts.
        """
        create, known = self.plan.create, self.known
        if create is None or corpus in known.made:
            return
        pointer = self.plan.corpus_ids.get("create")
        try:
            made = self.sent(create, corpus, self.base(corpus=corpus, dimension=dimension), pointer)
            if pointer is not None and made is not None:
                known.corpus_ids[corpus] = _id(made, pointer, f"{create.name} {corpus}")
        except RequestError as fault:
            if str(fault) not in known.refused:
                known.refused.add(str(fault))
                logger.warning("a corpus could not be made: %s", fault)
            return
        known.made.add(corpus)

    def whole(self, name: str, asked: object, work: Callable[[Parts], Answer]) -> Step[Answer]:
        """One step of all the requests that ``work`` takes down as its parts.

        Its time is theirs: the slowest of those of one name, which go out at once, and the sum of
        those of different names. What ``work`` gives is the answer; it raises RequestError.
        """
        parts: Parts = []
        begin_s = CLOCK.anchor_s + time.perf_counter()
        answer, error = None, None
        try:
            answer = work(parts)
        except RequestError as fault:
            error = clip(str(fault), LONGEST_ERROR)
        except BaseException as end:
            leave_cut(end, self._of_parts(name, asked, begin_s, parts))
            raise
        step: Step[Answer] = self._of_parts(name, asked, begin_s, parts)
        step.answer, step.error = answer, error
        if answer is not None and step.parts:
            step.response = _encode(answer)
        return step

    def _of_parts(self, name: str, asked: object, begin_s: float, parts: Parts) -> Step[Any]:
        """A single request is the step itself, unless it was for the vector alone."""
        if len(parts) == 1 and parts[0].name != EMBED_QUERY:
            parts[0].name = name
            return parts[0]
        url = parts[-1].url if parts else self._services[self._default].url
        step: Step[Any] = Step(name, begin_s, 0.0, new_span_id(), url, _encode(asked))
        if parts:
            step.start_s, step.parts, step.method = parts[0].start_s, parts, parts[-1].method
            step.status = next((one.status for one in parts if one.error), parts[-1].status)
            step.resent = any(one.resent for one in parts)
            step.latency_ms = sum(part_times(parts).values())
        return step

    def poll(self, poll: PollPlan, values: Values) -> tuple[str | None, Any]:
        """Ask until it is as it should be; the last answer then.

        Or else what was found last when the time was over, and no answer.
        """
        end_s = time.perf_counter() + poll.within_s
        while True:
            try:
                answer = self.sent(poll.request, "", values, WHOLE)
                found = poll.pointer.find(answer)
                if found in poll.values:
                    return None, answer
                last = f"{poll.pointer.text} is {clip(msgspec.json.encode(found).decode())}"
            except (RequestError, PointerError) as fault:
                last = str(fault)
            if time.perf_counter() >= end_s:
                return f"{poll.request.name}: not within {poll.within_s:g} s: {last}", None
            wait(min(poll.every_s, max(end_s - time.perf_counter(), 0.01)))


LONGEST_ERROR = 300
WHOLE = Pointer("")
_encode = msgspec.json.Encoder(enc_hook=repr).encode


def _id(value: Any, pointer: Pointer, of: str) -> str:
    """A corpus's own id, as the request ``of`` it was answered."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise RequestError(f"{of}: {pointer.text}: {kind_of(value)} where an id was due")
