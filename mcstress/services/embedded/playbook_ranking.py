"""What playbook memory does to a search: it boosts, it injects, and it minds the role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mcstress.services.embedded.corpus import CorpusHit, rounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcstress.services.embedded.playbook import Recollection, Recording

Metadata = msgspec.Raw
BOOST = 0.5


class RecallRules(msgspec.Struct, frozen=True):
    """How near a remembered query has to be, and the role that the search names, if any."""

    max_distance: float
    max_inject_distance: float
    role: str | None


Who = tuple[str, str]
"""Corpus and id: ids are unique within their corpus only."""


class Recalled(msgspec.Struct):
    """Hits with the memory's work done, and those on which it was done."""

    hits: dict[Who, CorpusHit]
    boosted: set[Who]
    injected: set[Who]


def apply_memory(
    found: dict[Who, CorpusHit],
    recollections: list[Recollection],
    rules: RecallRules,
    metadata_of: Callable[[Recording], Metadata],
) -> Recalled:
    """``found``, what retrieval found, boosted and joined by what is remembered.

    An answer remembered for several queries takes the one that brings it nearest.
    """
    recalled = Recalled(dict(found), set(), set())
    for recollection in recollections:
        recording = recollection.recording
        if rules.role and recording.role and rules.role != recording.role:
            continue
        who = (recording.answer_corpus, recording.answer_id)
        hit = found.get(who)
        if hit is not None:
            if recollection.distance <= rules.max_distance:
                keep_nearest(recalled.hits, at(hit, hit.distance, recording))
                recalled.boosted.add(who)
        elif recollection.distance <= rules.max_inject_distance:
            joined = CorpusHit(
                0.0, recording.answer_id, recording.answer_corpus, metadata_of(recording)
            )
            keep_nearest(recalled.hits, at(joined, recollection.distance, recording))
            recalled.injected.add(who)
    return recalled


def at(hit: CorpusHit, distance: float, recording: Recording) -> CorpusHit:
    """``hit`` at ``distance`` times the factor that the recording's score gives."""
    nearer = rounded(distance * (1 - BOOST * recording.score))
    return CorpusHit(nearer, hit.id, hit.corpus, hit.metadata)


def keep_nearest(hits: dict[Who, CorpusHit], hit: CorpusHit) -> None:
    """Put ``hit`` among ``hits`` unless it is there already and nearer."""
    who = (hit.corpus, hit.id)
    known = hits.get(who)
    if known is None or hit.distance < known.distance:
        hits[who] = hit
