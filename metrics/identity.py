"""Who a hit is: its corpus and its id. Ids are unique within their corpus only (WIRE.md).

Worker 7 of ``workers`` and worker 7 of ``ethereal_workers`` are two people. An identity is one
string, since lists of them are kept, hashed and handed over by the million.
"""

from __future__ import annotations

from collections.abc import Sequence
from sys import intern
from typing import Any

from mcstress.metrics.event import Hit

BETWEEN = "\0"
"""Stands between corpus and id; no name of a corpus holds it."""
MOST_IDS = 1 << 14
MOST_CORPORA = 64
"""What is remembered of a service's answers, 3 MB a corpus: it may invent a name with each."""


_known: dict[str, dict[str, str]] = {}
"""The identities by corpus and id: to look one up takes a third of making it.

Plain dicts: with a ``__missing__`` of one's own, each look takes four times as long.
"""


def identity(corpus: str, id_: str) -> str:
    """The identity of a hit of ``corpus`` whose id is ``id_``."""
    return f"{corpus}{BETWEEN}{id_}"


def identities(hits: Sequence[Hit]) -> list[str]:
    """The identities of ``hits``, in their order; of equal ones, one string for all answers."""
    known = _known
    try:
        return [known[hit.corpus][hit.id] for hit in hits]
    except KeyError:
        return [_known_identity(hit.corpus, hit.id) for hit in hits]


def _known_identity(corpus: str, id_: str) -> str:
    """The identity, known from now on."""
    ids = _known.get(corpus)
    if ids is None:
        if len(_known) >= MOST_CORPORA:
            _known.clear()
        ids = _known[corpus] = {}
    made = ids.get(id_)
    if made is None:
        if len(ids) >= MOST_IDS:
            ids.clear()
        made = ids[id_] = intern(identity(corpus, id_))
    return made


def named(identity_: str) -> dict[str, Any]:
    """``{"id", "corpus"}`` of an identity; ``corpus`` is None in a state of before there were any.

    Figures that were handed over by an older version hold bare ids.
    """
    corpus, between, id_ = identity_.partition(BETWEEN)
    return {"id": id_, "corpus": corpus} if between else {"id": identity_, "corpus": None}
