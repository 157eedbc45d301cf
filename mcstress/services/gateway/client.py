"""The gateway of docs/wire.md: its calls as they go over the wire."""

from __future__ import annotations

from urllib.parse import quote

from mcstress.services.call import Endpoint, call
from mcstress.services.gateway import schema as wire
from mcstress.services.gateway import validation as validity
from mcstress.services.http.transport import Transport
from mcstress.services.step import Step
from mcstress.services.trace_context import TraceContext

SEARCH = Endpoint("matrix.search", "/v1/matrix/search", wire.search_decoder, validity.search_fault)
SEARCH_DESCRIBED = Endpoint(SEARCH.name, SEARCH.path, wire.described_decoder, validity.search_fault)
"""With the metadata of its hits: to read them a second time would cost as much as the first."""
RECORD: Endpoint[wire.RecordRequest, wire.RecordAnswer] = Endpoint(
    "playbook.record", "/v1/matrix/playbooks/record", wire.record_decoder
)
INBOX: Endpoint[wire.InboxRequest, wire.InboxAnswer] = Endpoint(
    "observerd.inbox.record", "/v1/observer/inbox", wire.inbox_decoder
)
EMBED = Endpoint("embed", "/v1/embed", wire.embed_decoder, validity.embed_fault)
INDEX_ADD = Endpoint(
    "index.add", "/v1/vectors/index/{}/add", wire.index_add_decoder, validity.index_add_fault
)
CREATE_INDEX: Endpoint[wire.CreateIndexRequest, None] = Endpoint(
    "index.create", "/v1/vectors/index"
)
CORPORA: Endpoint[None, wire.CorporaAnswer] = Endpoint(
    "corpora", "/v1/matrix/corpora", wire.corpora_decoder
)
HEALTH = Endpoint("health", "/health", wire.health_decoder, validity.health_fault)
CONFLICT = 409


class GatewayClient:
    """Its calls as Steps. A service's fault is the step's ``error``; nothing is raised for it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def close(self) -> None:
        """Close the idle connection. A later call opens another."""
        self._transport.close()

    def search(self, request: wire.SearchRequest, trace: TraceContext) -> Step[wire.SearchAnswer]:
        """Step ``matrix.search``: the nearest of the corpora."""
        return call(self._transport, SEARCH, request, trace)

    def search_described(
        self, request: wire.SearchRequest, trace: TraceContext
    ) -> Step[wire.DescribedAnswer]:
        """Step ``matrix.search``, with the metadata of the hits."""
        return call(self._transport, SEARCH_DESCRIBED, request, trace)

    def record(self, request: wire.RecordRequest, trace: TraceContext) -> Step[wire.RecordAnswer]:
        """Step ``playbook.record``: remember an answer in a playbook corpus."""
        return call(self._transport, RECORD, request, trace)

    def inbox(self, request: wire.InboxRequest, trace: TraceContext) -> Step[wire.InboxAnswer]:
        """Step ``observerd.inbox.record``: hand in an email or SMS."""
        return call(self._transport, INBOX, request, trace)

    def embed(self, request: wire.EmbedRequest, trace: TraceContext) -> Step[wire.EmbedAnswer]:
        """Step ``embed``: a vector for each text."""
        return call(self._transport, EMBED, request, trace)

    def index_add(
        self, index: str, request: wire.IndexAddRequest, trace: TraceContext
    ) -> Step[wire.IndexAddAnswer]:
        """Step ``index.add``: put items into the corpus ``index``."""
        path = INDEX_ADD.path.format(quote(index, safe=""))
        return call(self._transport, INDEX_ADD, request, trace, path)

    def create_index(self, request: wire.CreateIndexRequest) -> Step[None]:
        """Step ``index.create``, in no figure; an index that is there already is no error."""
        step = call(self._transport, CREATE_INDEX, request)
        if step.status == CONFLICT:
            step.error = None
        return step

    def corpora(self) -> Step[wire.CorporaAnswer]:
        """Step ``corpora``, in no figure: what there is to search, and how much of it."""
        return call(self._transport, CORPORA, None)

    def health(self) -> Step[wire.HealthAnswer]:
        """Step ``health``, in no figure."""
        return call(self._transport, HEALTH, None)
