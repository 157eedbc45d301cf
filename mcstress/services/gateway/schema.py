"""What goes over the wire: one struct for each request and answer of the gateway.

Optional fields are left out of a request where they have their default. Every field of an answer
is required but for metadata and a search's counts (``services.lenient_decoding`` fills in lists and
counts that were left out); unknown ones are ignored. JSON has no NaN and no infinity, and msgspec
takes neither. What a search brings is kept from the garbage collector: it holds no cycle, and there
is much of it. The metadata of its hits is not read with it: no figure needs it, only the judge of a
top hit does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any, ClassVar

import msgspec

from mcstress.metrics.event import Count, Hit


class SearchRequest(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """``POST /v1/matrix/search``: the ``k`` nearest of ``corpora``, with or without a memory."""

    query_text: str
    corpora: list[str]
    k: int
    per_corpus_k: int | None = None
    use_playbook: bool = False
    playbook_corpus: str | None = None
    playbook_top_k: int | None = None
    playbook_max_distance: float | None = None
    playbook_max_inject_distance: float | None = None
    exclude_ids: list[str] | None = None
    query_role: str | None = None


class ServiceAnswer(msgspec.Struct, kw_only=True, gc=False):
    """Any answer. An ``error`` that says something makes it none, whatever the status."""

    error: Any = None


class SearchAnswer(ServiceAnswer, gc=False):
    """The hits in rank order; ``playbook_*`` say how many the memory boosted and injected.

    A gateway in Go may leave out whatever is 0: a count that is None was not said. One that says
    ``{}`` to everything is no search that found nothing, ``has_members``.
    """

    has_members: ClassVar[bool] = True
    results: list[Hit]
    per_corpus_counts: dict[str, Count] | None = None
    playbook_boosted: Count | None = None
    playbook_injected: Count | None = None


class JudgeHit(msgspec.Struct):
    """A hit as a judge sees it. ``metadata`` is passed on as it came; null or missing is none."""

    id: str
    metadata: msgspec.Raw = msgspec.Raw(b"{}")

    def __post_init__(self) -> None:
        if bytes(self.metadata) == b"null":
            self.metadata = msgspec.Raw(b"{}")


class JudgedAnswer(msgspec.Struct):
    """The answer to a search, read once more for what a judge sees of it."""

    results: list[JudgeHit]


class DescribedHit(Hit, frozen=True, gc=False):
    """A hit with its metadata as it came."""

    metadata: msgspec.Raw = msgspec.Raw(b"{}")


class DescribedAnswer(SearchAnswer, gc=False):
    """The answer to a search whose hits' metadata is looked at, too."""

    results: list[DescribedHit]  # type: ignore[assignment]  # read only, and each is a Hit


class RecordRequest(msgspec.Struct, omit_defaults=True, kw_only=True):
    """``POST /v1/matrix/playbooks/record``: ``answer_id`` was the answer, in memory ``corpus``."""

    query_text: str
    answer_id: str
    answer_corpus: str
    score: float
    corpus: str
    role: str | None = None
    tags: list[str] = []


class RecordAnswer(ServiceAnswer):
    """The memory's own id of what it recorded."""

    playbook_id: str


class InboxRequest(msgspec.Struct, omit_defaults=True, kw_only=True):
    """``POST /v1/observer/inbox``: an ``email`` or ``sms`` that reached a coordinator."""

    type: str
    sender: str
    subject: str
    body: str
    priority: str | None = None
    tag: str | None = None


class InboxAnswer(ServiceAnswer):
    """The inbox's own id of what it accepted."""

    id: str


class EmbedRequest(msgspec.Struct):
    """``POST /v1/embed``."""

    texts: list[str]


class EmbedAnswer(ServiceAnswer):
    """One vector of ``dimension`` numbers for each text; its length where that is left out."""

    vectors: list[list[float]]
    dimension: Count | None = None


class CreateIndexRequest(msgspec.Struct):
    """``POST /v1/vectors/index``; 409 says that it is there already."""

    name: str
    dimension: int


class IndexItem(msgspec.Struct):
    """A vector with its id and what is known of it."""

    id: str
    vector: list[float]
    metadata: dict[str, Any]


class IndexAddRequest(msgspec.Struct):
    """``POST /v1/vectors/index/{name}/add``."""

    items: list[IndexItem]


class IndexAddAnswer(ServiceAnswer):
    """How many items the index took."""

    added: Count


class Corpus(msgspec.Struct):
    """A corpus that the gateway can search, and the number of its items.

    ``roles`` is more than a gateway must say: how many of the items hold each role.
    """

    name: str
    size: Count
    roles: dict[str, Count] | None = None


class CorporaAnswer(ServiceAnswer):
    """``GET /v1/matrix/corpora``."""

    corpora: list[Corpus]

    def sizes(self) -> dict[str, int]:
        """The number of items by corpus."""
        return {corpus.name: corpus.size for corpus in self.corpora}

    def candidates(self, names: Collection[str]) -> dict[str, int] | None:
        """The number of items by role in the corpora ``names``; None where one does not say."""
        said = [corpus.roles for corpus in self.corpora if corpus.name in names]
        if None in said:
            return None
        total: Counter[str] = Counter()
        for roles in said:
            total.update(roles or {})
        return dict(total)


class HealthAnswer(ServiceAnswer):
    """``GET /health``; ``ok`` is the only good ``status``."""

    status: str


search_decoder = msgspec.json.Decoder(SearchAnswer)
judged_decoder = msgspec.json.Decoder(JudgedAnswer)
described_decoder = msgspec.json.Decoder(DescribedAnswer)
record_decoder = msgspec.json.Decoder(RecordAnswer)
inbox_decoder = msgspec.json.Decoder(InboxAnswer)
embed_decoder = msgspec.json.Decoder(EmbedAnswer)
index_add_decoder = msgspec.json.Decoder(IndexAddAnswer)
corpora_decoder = msgspec.json.Decoder(CorporaAnswer)
health_decoder = msgspec.json.Decoder(HealthAnswer)
encode = msgspec.json.Encoder().encode
