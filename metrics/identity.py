"""Who a hit is: its corpus and its id. Ids are unique within their corpus only (WIRE.md).

Worker 7 of ``workers`` and worker 7 of ``ethereal_workers`` are two people. An identity is one
string, since lists of them are kept, hashed and handed over by the million.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcstress.metrics.event import Hit

BETWEEN = "\0"
"""Stands between corpus and id; no name of a corpus holds it."""


def identity(corpus: str, id_: str) -> str:
    """The identity of a hit of ``corpus`` whose id is ``id_``."""
    return f"{corpus}{BETWEEN}{id_}"


def identities(hits: Iterable[Hit]) -> list[str]:
    """The identities of ``hits``, in their order."""
    return [f"{hit.corpus}{BETWEEN}{hit.id}" for hit in hits]


def named(identity_: str) -> dict[str, Any]:
    """``{"id", "corpus"}`` of an identity; ``corpus`` is None in a state of before there were any.

    Figures that were handed over by an older version hold bare ids.
    """
    corpus, between, id_ = identity_.partition(BETWEEN)
    return {"id": id_, "corpus": corpus} if between else {"id": identity_, "corpus": None}
