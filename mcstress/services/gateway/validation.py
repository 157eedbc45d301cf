"""What WIRE.md asks of an answer beyond its types. Each check gives what is wrong, or None."""

from __future__ import annotations

from collections.abc import Iterable

from mcstress.metrics.event import HIT_TWICE, Hit
from mcstress.services.failure_reason import clip
from mcstress.services.gateway.schema import (
    EmbedAnswer,
    EmbedRequest,
    HealthAnswer,
    IndexAddAnswer,
    IndexAddRequest,
    SearchAnswer,
    SearchRequest,
)


def search_fault(request: SearchRequest, answer: SearchAnswer) -> str | None:
    """More than ``k`` results, a hit twice (ids are unique in a corpus), or impossible counts."""
    results, k = answer.results, request.k
    number = len(results)
    if number > k:
        return f"results: {number} of at most {k}"
    if len({hit.id for hit in results}) < number and (twice := first_twice(results)):
        begin, end = HIT_TWICE
        return f'{begin}"{clip(twice.id)}" of corpus "{clip(twice.corpus)}"{end}'
    boosted, injected = answer.playbook_boosted, answer.playbook_injected
    if (boosted and boosted > k) or (injected and injected > k):
        return count_fault(request, answer)
    return None


def count_fault(request: SearchRequest, answer: SearchAnswer) -> str | None:
    """More boosted or injected than results or recordings may be: some count before the cut."""
    most = max(request.k, request.playbook_top_k or 0)
    for name in ("playbook_boosted", "playbook_injected"):
        if (count := getattr(answer, name) or 0) > most:
            return f"{name}: {count} of at most {most}"
    return None


def first_twice(hits: Iterable[Hit]) -> Hit | None:
    """The first of ``hits`` whose corpus and id were there before."""
    seen: set[tuple[str, str]] = set()
    for hit in hits:
        if (hit.corpus, hit.id) in seen:
            return hit
        seen.add((hit.corpus, hit.id))
    return None


def embed_fault(request: EmbedRequest, answer: EmbedAnswer) -> str | None:
    """Another number of vectors than of texts, or a vector of another dimension."""
    if len(answer.vectors) != len(request.texts):
        return f"vectors: {len(answer.vectors)} for {len(request.texts)} texts"
    dimension = answer.dimension
    for vector in answer.vectors:
        dimension = len(vector) if dimension is None else dimension
        if len(vector) != dimension:
            return f"vectors: {len(vector)} numbers where dimension is {dimension}"
    return None


def index_add_fault(request: IndexAddRequest, answer: IndexAddAnswer) -> str | None:
    """Fewer or more items added than were sent."""
    sent = len(request.items)
    return None if answer.added == sent else f"added: {answer.added} of {sent} items"


def health_fault(_: None, answer: HealthAnswer) -> str | None:
    """Any status but ``ok``."""
    return None if answer.status == "ok" else f'status "{clip(answer.status)}" where "ok" was due'
