"""Who a hit is: its corpus and its id. Ids are unique within their corpus only (WIRE.md).

Worker 7 of ``workers`` and worker 7 of ``ethereal_workers`` are two people. An identity is one
string, since lists of them are kept, hashed and handed over by the million.
"""

from __future__ import annotations

from collections.abc import Iterable
from sys import intern
from typing import Any

from mcstress.metrics.event import Hit

BETWEEN = "\0"
"""Stands between corpus and id; no name of a corpus holds it."""
MOST_IDS = 1 << 14
MOST_CORPORA = 64
"""What is remembered of a service's answers, 3 MB a corpus: it may invent a name with each."""


class _Ids(dict[str, str]):
    """The identities of one corpus by their ids: to look one up takes a third of making it."""

    def __init__(self, corpus: str) -> None:
        super().__init__()
        self._corpus = corpus

    def __missing__(self, id_: str) -> str:
        if len(self) >= MOST_IDS:
            self.clear()
        made = self[id_] = intern(identity(self._corpus, id_))
        return made


class _Corpora(dict[str, _Ids]):
    """The identities by their corpora."""

    def __missing__(self, corpus: str) -> _Ids:
        if len(self) >= MOST_CORPORA:
            self.clear()
        made = self[corpus] = _Ids(corpus)
        return made


_known = _Corpora()


def identity(corpus: str, id_: str) -> str:
    """The identity of a hit of ``corpus`` whose id is ``id_``."""
    return f"{corpus}{BETWEEN}{id_}"


def identities(hits: Iterable[Hit]) -> list[str]:
    """The identities of ``hits``, in their order; of equal ones, one string for all answers."""
    known = _known
    return [known[hit.corpus][hit.id] for hit in hits]


def named(identity_: str) -> dict[str, Any]:
    """``{"id", "corpus"}`` of an identity; ``corpus`` is None in a state of before there were any.

    Figures that were handed over by an older version hold bare ids.
    """
    corpus, between, id_ = identity_.partition(BETWEEN)
    return {"id": id_, "corpus": corpus} if between else {"id": identity_, "corpus": None}
