"""The worst of each kind, one card each: what happened, the query, its lists, and its trace.

Whatever a service chose stands here as text; who shows it escapes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import msgspec

from mcstress.evidence.document_parts import RunSection
from mcstress.evidence.report import formatting
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.results import ChangedReissue, ExampleEvent, NamedHit

Hits = Sequence[NamedHit | str]

GONE, NEW, EXPECTED = "gone", "new", "expected"


class ListedHit(msgspec.Struct, frozen=True):
    """A hit as a list shows it; ``mark``: GONE, NEW, EXPECTED or empty."""

    text: str = ""
    mark: str = ""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One event: ``value`` is how bad it was, ``ranks`` have a hit of each of ``lists``."""

    value: str
    what: str
    label: str
    query: str
    error: str = ""
    link: str = ""
    lists: list[str]
    ranks: list[list[ListedHit]]


class Group(msgspec.Struct, frozen=True):
    """The cards of one kind, and the ``section`` that they stand in; ``is_open`` shows lists."""

    section: str
    title: str
    cards: list[Card]
    is_open: bool = False


def groups(document: RunDocument) -> list[Group]:
    """Those that there are."""
    run, examples = document.run, document.examples
    found = [
        Group(
            "determinism",
            "The reissues that changed most",
            [_reissue(one, run) for one in document.worst_reissues],
            is_open=True,
        ),
        Group(
            "learning",
            "Handovers that missed their answer",
            [
                _card(
                    one,
                    document,
                    value="further down" if one.in_list else "not in the list",
                    what=_missing(one),
                    beside="control",
                )
                for one in examples.missed_handovers
            ],
        ),
        Group(
            "swap_and_inbox",
            "The lowest ratings",
            [
                _card(one, document, value=f"{one.rating} of 5", what="for the hit at rank 1")
                for one in examples.lowest_ratings
            ],
        ),
        Group(
            "latency",
            "The slowest searches",
            [
                _card(
                    one,
                    document,
                    value=f"{formatting.milliseconds(one.latency_ms)} ms",
                    what="matrix.search",
                )
                for one in examples.slowest_searches
            ],
        ),
    ]
    return [group for group in found if group.cards]


def _card(
    one: ExampleEvent, document: RunDocument, *, value: str, what: str, beside: str = ""
) -> Card:
    found = [ListedHit(_hit(hit), EXPECTED if _is(hit, one.expected) else "") for hit in one.found]
    lists = [found]
    if beside:
        lists.append([ListedHit(_hit(hit)) for hit in one.beside])
    asked = ": ".join(text for text in (one.contract, one.role) if text)
    phase = document.words.phase(one.phase)
    seat = f"{one.time[11:19]} UTC, {one.coordinator}, round {one.round}, {phase}"
    return Card(
        value=value,
        what=what,
        label=f"{seat}: {asked}" if asked else seat,
        query=one.query,
        error=one.error or "",
        link=document.run.trace_link(one.trace_id),
        lists=["with memory", beside] if beside else ["found"],
        ranks=[list(rank) for rank in zip_longest(*lists, fillvalue=ListedHit())],
    )


def _missing(one: ExampleEvent) -> str:
    """What was to come first, and whether the memory changed anything at all."""
    said = [f"the recorded answer {_hit(one.expected)}"] if one.expected else []
    if one.found and [*one.found] == [*one.beside]:
        said.append("the memory changed nothing: both lists are the same")
    return "; ".join(said)


def _is(hit: NamedHit, expected: NamedHit | None) -> bool:
    """Whether it is what was to come first; of a corpus that is not known, by its id."""
    if expected is None or hit.id != expected.id:
        return False
    return not expected.corpus or hit.corpus == expected.corpus


def _reissue(one: ChangedReissue, run: RunSection) -> Card:
    before, after = [*map(_hit, one.baseline)], [*map(_hit, one.reissue)]
    kept, again = set(before), set(after)
    ranks = [
        [
            ListedHit(old, GONE if old and old not in again else ""),
            ListedHit(new, NEW if new and new not in kept else ""),
        ]
        for old, new in zip_longest(before, after, fillvalue="")
    ]
    return Card(
        value=formatting.score(one.jaccard),
        what=f"Jaccard, RBO {formatting.score(one.rbo)}",
        label=f"{one.time[11:19]} UTC, {one.coordinator}, round {one.round}: "
        f"{one.role}, {one.contract}",
        query=one.query,
        link=run.trace_link(one.trace_id),
        lists=["baseline", "reissue"],
        ranks=ranks,
    )


def _hit(listed: NamedHit | str) -> str:
    """``w-00007 · workers``: an id is unique within its corpus only. Older documents have ids."""
    if isinstance(listed, str):
        return listed
    return f"{listed.id} · {listed.corpus}" if listed.corpus else listed.id
