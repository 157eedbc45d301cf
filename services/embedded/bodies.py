"""What the gateway takes and gives, as WIRE.md has it.

Written apart from the client's types in ``services.wire``: shared ones would agree when wrong.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from services.embedded.corpus import Hit
from services.embedded.refusal import RefusalError

Text = Annotated[str, Meta(min_length=1)]
Distance = Annotated[float, Meta(ge=0, le=2)]
Count = Annotated[int, Meta(ge=1, le=1000)]
Texts = Annotated[list[Text], Meta(min_length=1)]

BAD_REQUEST = 400
LARGEST_MESSAGE_BYTES = 8 * 1024


class SearchBody(msgspec.Struct, kw_only=True):
    """``per_corpus_k`` None: ``k``. The distances are the seed system's where none are given."""

    query_text: str
    corpora: list[str]
    k: Count
    per_corpus_k: Count | None = None
    use_playbook: bool = False
    playbook_corpus: str | None = None
    playbook_top_k: Count = 3
    playbook_max_distance: Distance = 0.5
    playbook_max_inject_distance: Distance = 0.20
    exclude_ids: Annotated[list[str], Meta(max_length=1000)] = []
    query_role: str | None = None

    def __post_init__(self) -> None:
        require(self.query_text, "query_text")
        if not self.corpora:
            raise ValueError("corpora: expected at least one")
        if self.use_playbook and not self.playbook_corpus:
            raise ValueError("playbook_corpus: expected its name, as use_playbook is true")


class SearchAnswer(msgspec.Struct):
    """``per_corpus_counts``: what each corpus gave before the cut to ``k``.

    ``playbook_*``: how many of ``results`` the memory boosted and injected.
    """

    results: list[Hit]
    per_corpus_counts: dict[str, int]
    playbook_boosted: int
    playbook_injected: int


class RecordBody(msgspec.Struct, kw_only=True):
    query_text: str
    answer_id: Text
    answer_corpus: Text
    score: Annotated[float, Meta(ge=0, le=1)]
    corpus: Text
    role: str | None = None
    tags: list[str] = []

    def __post_init__(self) -> None:
        require(self.query_text, "query_text")


class InboxBody(msgspec.Struct, kw_only=True):
    type: Literal["email", "sms"]
    sender: str
    subject: str
    body: str
    priority: Literal["urgent", "high", "medium", "low"] | None = None
    tag: str | None = None

    def __post_init__(self) -> None:
        require(self.body, "body")


class EmbedBody(msgspec.Struct):
    texts: Texts


class CreateIndexBody(msgspec.Struct):
    name: Text
    dimension: int


class ItemBody(msgspec.Struct):
    """``metadata`` any JSON object."""

    id: Text
    vector: list[float]
    metadata: dict[str, Any] = {}


class AddBody(msgspec.Struct):
    items: list[ItemBody]


Body = TypeVar("Body")


def decode(raw: bytes, decoder: msgspec.json.Decoder[Body]) -> Body:
    """The body in ``raw``; RefusalError 400 says what is wrong and where."""
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusalError(BAD_REQUEST, f"body: {error}") from None


def require(text: str, name: str) -> None:
    """ValueError, which msgspec makes a validation error, where ``text`` is blank."""
    if not text.strip():
        raise ValueError(f"{name}: expected text, found none")
