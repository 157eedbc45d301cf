"""The gateway of docs/wire.md as a target: the domain's words made into its requests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from copy import copy
from typing import Any, Self, cast

from mcstress.metrics.event import Hit
from mcstress.services.gateway import schema as wire
from mcstress.services.gateway.client import GatewayClient
from mcstress.services.http.bearer_token import GATEWAY_TOKEN, authorization
from mcstress.services.http.transport import Transport
from mcstress.services.lenient_decoding import read
from mcstress.services.step import Step
from mcstress.services.target import (
    INBOX_BYTES,
    Capabilities,
    Found,
    Message,
    NewItem,
    Recording,
    Search,
    Sizes,
    Target,
    TargetSetup,
)
from mcstress.services.trace_context import TraceContext

SURE = 1.0
"""The score of a recording: it was chosen."""

TOO_LARGE = 413

logger = logging.getLogger(__name__)


class GatewayTarget(Target):
    """The gateway at ``setup.url``; the memory takes part in its search."""

    title = "gateway"
    takes_host = True

    def __init__(self, setup: TargetSetup) -> None:
        super().__init__(setup)
        self._gateway = GatewayClient(_transport(setup))
        self._indices = VectorIndices()

    def capabilities(self) -> Capabilities:
        """All of it; what a gateway does not have is a failed step."""
        return Capabilities()

    def connect(self) -> Self:
        """One with a connection of its own."""
        own = copy(self)
        own._gateway = GatewayClient(_transport(self.setup))  # noqa: SLF001  (of this class)
        return own

    def close(self) -> None:
        """Close the connection."""
        self._gateway.close()

    def search(self, search: Search, trace: TraceContext) -> Step[Found]:
        """Step ``matrix.search``: the nearest of the corpora."""
        if search.memory is None:
            request = wire.SearchRequest(query_text=search.text, corpora=search.corpora, k=search.k)
        else:
            limits = self.setup.memory
            request = wire.SearchRequest(  # in one go: to set a field later costs five times that
                query_text=search.text,
                corpora=search.corpora,
                k=search.k,
                use_playbook=True,
                playbook_corpus=search.memory,
                playbook_top_k=limits.top_k,
                playbook_max_distance=limits.max_distance,
                playbook_max_inject_distance=limits.max_inject_distance,
                query_role=search.role,
            )
        if search.exclude:
            request.exclude_ids = search.exclude
        if search.new_connection:
            self._gateway.close()
        # Named fields alone are read with the hits; a judge sees all, read once more.
        described = search.metadata and len(search.fields) > 0
        ask = self._gateway.search_described if described else self._gateway.search
        step: Step[Any] = ask(request, trace)
        answer = step.answer
        if answer is not None:
            found = Found(
                answer.results,
                answer.per_corpus_counts,
                answer.playbook_boosted,
                answer.playbook_injected,
            )
            if described:
                found.hits = [Hit(one.id, one.corpus, one.distance) for one in answer.results]
                found.metadata = [one.metadata for one in answer.results]
            elif search.metadata:
                found.metadata = _metadata(step.response)
            step.answer = found
        return step

    def record(self, recording: Recording, trace: TraceContext) -> Step[wire.RecordAnswer]:
        """Step ``playbook.record``: remember an answer in a playbook corpus."""
        request = wire.RecordRequest(
            query_text=recording.text,
            answer_id=recording.answer.id,
            answer_corpus=recording.answer.corpus,
            score=SURE,
            corpus=recording.namespace,
            role=recording.role,
        )
        return self._gateway.record(request, trace)

    def add(self, item: NewItem, trace: TraceContext) -> Iterator[Step[Any]]:
        """Steps ``embed`` and ``index.add``; in between the index is made, once a process."""
        embedded = self._gateway.embed(wire.EmbedRequest(texts=[item.text]), trace)
        yield embedded
        if embedded.answer is None:
            return
        vector = embedded.answer.vectors[0]
        self._indices.ensure(self._gateway, item.corpus, len(vector))
        added = wire.IndexItem(id=item.id, vector=vector, metadata=item.metadata)
        yield self._gateway.index_add(item.corpus, wire.IndexAddRequest(items=[added]), trace)

    def inbox(self, message: Message, trace: TraceContext) -> Step[wire.InboxAnswer]:
        """Step ``observerd.inbox.record``: hand in an email or SMS.

        That a body of more than 8 KiB is refused is as it has to be.
        """
        request = wire.InboxRequest(
            type=message.type,
            sender=message.sender,
            subject=message.subject,
            body=message.body,
            priority=message.priority,
            tag=message.coordinator,
        )
        step = self._gateway.inbox(request, trace)
        if step.status == TOO_LARGE and len(message.body.encode()) > INBOX_BYTES:
            step.error, step.refused = None, True
        return step

    def sizes(self) -> Step[Sizes]:
        """Step ``corpora``: what there is to search, and how much of it."""
        answered = self._gateway.corpora()
        answer = answered.answer
        step = cast("Step[Sizes]", answered)
        if answer is not None:
            step.answer = Sizes(answer.sizes(), answer.candidates(self.setup.corpora))
        return step


class VectorIndices:
    """The vector indices that this process has made; shared by its users."""

    def __init__(self) -> None:
        self._made: set[str] = set()
        self._refused: set[str] = set()

    def ensure(self, gateway: GatewayClient, name: str, dimension: int) -> None:
        """Make the vector index once; that it is there already is a success.

        Where it is refused, adding to it may work all the same, and is what counts.
        """
        if name in self._made:
            return
        error = gateway.create_index(wire.CreateIndexRequest(name, dimension)).error
        if error is None:
            self._made.add(name)
        elif error not in self._refused:
            self._refused.add(error)
            logger.warning("the vector index %s could not be made: %s", name, error)


def _metadata(body: bytes) -> list[Any]:
    """The metadata of each hit, unread, from a search's answer."""
    return [hit.metadata for hit in read(wire.judged_decoder, body).results]


def _transport(setup: TargetSetup) -> Transport:
    """A connection to the gateway, with the token where it belongs there."""
    return Transport(
        setup.url,
        connect_timeout_s=setup.timeout_s,
        timeout_s=setup.timeout_s,
        headers=authorization(GATEWAY_TOKEN, setup.url, setup.token_hosts),
        size_limit_bytes=setup.max_answer_bytes,
    )
