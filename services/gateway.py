"""The gateway of the retrieval system under test."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from services import validity, wire
from services.call import Answer, Check, OnStep, call, fill
from services.step import Step
from services.traceparent import TraceContext
from services.transport import Transport

SEARCH = "/v1/matrix/search"
RECORD = "/v1/matrix/playbooks/record"
CORPORA = "/v1/matrix/corpora"
INBOX = "/v1/observer/inbox"
EMBED = "/v1/embed"
INDEX = "/v1/vectors/index"
HEALTH = "/health"
CONFLICT = 409


class Gateway:
    """Its calls as Steps. A service's fault is the step's ``error``; nothing is raised for it.

    ``on_step`` hears of every timed call, not of ``create_index``, ``corpora`` and ``health``.
    """

    def __init__(self, transport: Transport, on_step: OnStep) -> None:
        self._transport = transport
        self._on_step = on_step

    def search(self, request: wire.SearchRequest, trace: TraceContext) -> Step[wire.SearchAnswer]:
        """Step ``matrix.search``: the nearest of the corpora."""
        return self._timed(
            "matrix.search",
            SEARCH,
            request,
            trace,
            wire.search_decoder,
            check=lambda answer: validity.search_fault(answer, request.k),
        )

    def record(self, request: wire.RecordRequest, trace: TraceContext) -> Step[wire.RecordAnswer]:
        """Step ``playbook.record``: remember an answer in a playbook corpus."""
        return self._timed("playbook.record", RECORD, request, trace, wire.record_decoder)

    def inbox(self, request: wire.InboxRequest, trace: TraceContext) -> Step[wire.InboxAnswer]:
        """Step ``observerd.inbox.record``: hand in an email or SMS."""
        return self._timed("observerd.inbox.record", INBOX, request, trace, wire.inbox_decoder)

    def embed(self, request: wire.EmbedRequest, trace: TraceContext) -> Step[wire.EmbedAnswer]:
        """Step ``embed``: a vector for each text."""
        return self._timed(
            "embed",
            EMBED,
            request,
            trace,
            wire.embed_decoder,
            check=lambda answer: validity.embed_fault(answer, len(request.texts)),
        )

    def index_add(
        self, index: str, request: wire.IndexAddRequest, trace: TraceContext
    ) -> Step[wire.IndexAddAnswer]:
        """Step ``index.add``: put items into the corpus ``index``."""
        return self._timed(
            "index.add",
            f"{INDEX}/{quote(index, safe='')}/add",
            request,
            trace,
            wire.index_add_decoder,
            check=lambda answer: validity.index_add_fault(answer, len(request.items)),
        )

    def create_index(self, request: wire.CreateIndexRequest) -> Step[None]:
        """Step ``index.create``, untimed; an index that is there already is no error."""
        step, _ = call(self._transport, "index.create", INDEX, wire.encode(request))
        if step.status == CONFLICT:
            step.error = None
        return step

    def corpora(self) -> Step[wire.CorporaAnswer]:
        """Step ``corpora``, untimed: what there is to search, and how much of it."""
        return self._fetched("corpora", CORPORA, wire.corpora_decoder)

    def health(self) -> Step[wire.HealthAnswer]:
        """Step ``health``, untimed."""
        return self._fetched("health", HEALTH, wire.health_decoder, check=validity.health_fault)

    def _timed(
        self,
        name: str,
        path: str,
        request: msgspec.Struct,
        trace: TraceContext,
        decoder: msgspec.json.Decoder[Answer],
        *,
        check: Check[Answer] | None = None,
    ) -> Step[Answer]:
        step, reply = call(self._transport, name, path, wire.encode(request), trace)
        if reply:
            fill(step, reply, decoder, check)
        self._on_step(step)
        return step

    def _fetched(
        self,
        name: str,
        path: str,
        decoder: msgspec.json.Decoder[Answer],
        *,
        check: Check[Answer] | None = None,
    ) -> Step[Answer]:
        step, reply = call(self._transport, name, path)
        if reply:
            fill(step, reply, decoder, check)
        return step
