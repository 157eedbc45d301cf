"""What the gateway takes and gives, as WIRE.md has it.

Written apart from the client's types in ``services.wire``: shared ones would agree when wrong.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from mcstress.services.embedded.corpus import CorpusHit
from mcstress.services.embedded.http import RefusalError

BAD_REQUEST = 400
LARGEST_MESSAGE_BYTES = 8 * 1024
LONGEST_TEXT = 8 * 1024
"""Characters of what is embedded or searched for; some 20 ms of work at the worst."""
LONGEST_NAME = 256
MOST = 1000
"""Of anything that a request lists: results, ids, texts, items."""
MOST_CORPORA = 32
LONGEST_VECTOR = 4096

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
Label = Annotated[str, Meta(max_length=LONGEST_NAME)]
ItemText = Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
Query = Annotated[str, Meta(max_length=LONGEST_TEXT)]
CosineDistance = Annotated[float, Meta(ge=0, le=2)]
Count = Annotated[int, Meta(ge=1, le=MOST)]


class SearchBody(msgspec.Struct, kw_only=True):
    """``per_corpus_k`` None: ``k``. The distances are the seed system's where none are given."""

    query_text: Query
    corpora: Annotated[list[Label], Meta(max_length=MOST_CORPORA)]
    k: Count
    per_corpus_k: Count | None = None
    use_playbook: bool = False
    playbook_corpus: Label | None = None
    playbook_top_k: Count = 3
    playbook_max_distance: CosineDistance = 0.5
    playbook_max_inject_distance: CosineDistance = 0.20
    exclude_ids: Annotated[list[Label], Meta(max_length=MOST)] = []
    query_role: Label | None = None

    def __post_init__(self) -> None:
        require(self.query_text, "query_text")
        if not self.corpora:
            raise ValueError("corpora: expected at least one")
        if self.use_playbook and not self.playbook_corpus:
            raise ValueError("playbook_corpus: expected its name, as use_playbook is true")


class SearchAnswer(msgspec.Struct):
    """``per_corpus_counts``: what each corpus gave before the cut to ``k``.

    ``playbook_*``: how many of ``results`` the memory boosted and injected. ``results`` is None
    under a fault only.
    """

    results: list[CorpusHit] | None
    per_corpus_counts: dict[str, int]
    playbook_boosted: int
    playbook_injected: int


class RecordBody(msgspec.Struct, kw_only=True):
    query_text: Query
    answer_id: Name
    answer_corpus: Name
    score: Annotated[float, Meta(ge=0, le=1)]
    corpus: Name
    role: Label | None = None
    tags: Annotated[list[Label], Meta(max_length=MOST)] = []

    def __post_init__(self) -> None:
        require(self.query_text, "query_text")


class InboxBody(msgspec.Struct, kw_only=True):
    type: Literal["email", "sms"]
    sender: Label
    subject: Query
    body: str
    priority: Literal["urgent", "high", "medium", "low"] | None = None
    tag: Label | None = None

    def __post_init__(self) -> None:
        require(self.body, "body")


class EmbedBody(msgspec.Struct):
    texts: Annotated[list[ItemText], Meta(min_length=1, max_length=MOST)]


class CreateIndexBody(msgspec.Struct):
    name: Name
    dimension: int


class ItemBody(msgspec.Struct):
    """``metadata`` any JSON object, read only where it is known to be small."""

    id: Name
    vector: Annotated[list[float], Meta(max_length=LONGEST_VECTOR)]
    metadata: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"{}"))


class AddBody(msgspec.Struct):
    items: Annotated[list[ItemBody], Meta(max_length=MOST)]


Body = TypeVar("Body")


def decode(raw: bytes, decoder: msgspec.json.Decoder[Body]) -> Body:
    """The body in ``raw``; RefusalError 400 says what is wrong and where."""
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusalError(BAD_REQUEST, f"body: {error}") from None
    except RecursionError:
        raise RefusalError(BAD_REQUEST, "body: JSON nested too deep") from None


def require(text: str, name: str) -> None:
    """ValueError, which msgspec makes a validation error, where ``text`` is blank."""
    if not text.strip():
        raise ValueError(f"{name}: expected text, found none")
