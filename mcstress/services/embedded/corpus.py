"""A corpus: vectors with ids and metadata, searched by an HNSW index.

Y. Malkov, D. Yashunin, "Efficient and robust approximate nearest neighbor search using
hierarchical navigable small world graphs", 2018. One thread adds, so that the graph depends on
nothing but the items and their order. A small corpus is searched exactly.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]

CONNECTIVITY = 16
EXPANSION_ADD = 128
EXPANSION_SEARCH = 96
LARGEST_EXACT = 2048
DISTANCE_DECIMALS = 6


class IndexedItem(msgspec.Struct, frozen=True, gc=False):
    """What a corpus keeps beside a vector. ``metadata`` is a JSON object, kept as bytes."""

    id: str
    metadata: msgspec.Raw
    role: str | None = None


class CorpusHit(msgspec.Struct, frozen=True, order=True, gc=False):
    """An item and its cosine distance, 0 to 2, from what was searched for.

    Hits sort by distance, equals by id, so that the same search has one order only.
    """

    distance: float
    id: str
    corpus: str
    metadata: msgspec.Raw


class CorpusIndex:
    """Items by id, and their index. Called from one thread only.

    Vectors have length 1 and are kept in half precision: distances are right to about 0.001. It
    begins with ``items`` where there is the ``graph`` of another that began with the same.
    """

    def __init__(
        self, name: str, dimension: int, items: Sequence[IndexedItem] = (), graph: bytes = b""
    ) -> None:
        self.name = name
        self.roles: Counter[str] = Counter()
        self._items: list[IndexedItem] = []
        self._keys: dict[str, int] = {}
        self._index = Index(
            ndim=dimension,
            metric="ip",
            dtype="f16",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=EXPANSION_SEARCH,
        )
        if graph:
            self._index.load(graph)
            self._take(items)

    def graph(self) -> bytes:
        """The index with its vectors, for a corpus to begin with."""
        return bytes(self._index.save() or b"")

    def __len__(self) -> int:
        return len(self._keys)

    def item(self, item_id: str) -> IndexedItem | None:
        """The item of that id, if it is here."""
        key = self._keys.get(item_id)
        return None if key is None else self._items[key]

    def add(self, items: list[IndexedItem], vectors: Matrix) -> None:
        """Take ``items``, no id twice, each with its row of ``vectors``; a known id is replaced."""
        for item in items:
            self._forget(item.id)
        first = len(self._items)
        keys = np.arange(first, first + len(items), dtype=np.uint64)
        self._index.add(keys, vectors, threads=1)
        self._take(items)

    def _take(self, items: Sequence[IndexedItem]) -> None:
        first = len(self._items)
        self._items += items
        self._keys |= {item.id: key for key, item in enumerate(items, start=first)}
        self.roles.update(item.role for item in items if item.role)

    def search(
        self, vector: Vector, count: int, exclude_ids: Iterable[str] = (), *, exact: bool = False
    ) -> list[CorpusHit]:
        """The ``count`` nearest in order, without those excluded; ``exact``: all are compared."""
        excluded = {self._keys[item_id] for item_id in exclude_ids if item_id in self._keys}
        wanted = min(count + len(excluded), len(self._keys))
        if not wanted:
            return []
        exact = exact or len(self._keys) <= LARGEST_EXACT
        matches = self._index.search(vector, wanted, exact=exact, threads=1)
        found = zip(matches.keys.tolist(), matches.distances.tolist(), strict=True)
        hits = [self._hit(key, distance) for key, distance in found if key not in excluded]
        hits.sort()
        return hits[:count]

    def _hit(self, key: int, distance: float) -> CorpusHit:
        item = self._items[key]
        return CorpusHit(rounded(distance), item.id, self.name, item.metadata)

    def _forget(self, item_id: str) -> None:
        """Drop an item from the index; its place in the list stays, as no key is used twice."""
        key = self._keys.pop(item_id, None)
        if key is None:
            return
        self._index.remove(key)
        if role := self._items[key].role:
            self.roles[role] -= 1


def rounded(distance: float) -> float:
    """``distance`` as it is answered: without what rounding has left below zero."""
    return max(0.0, round(distance, DISTANCE_DECIMALS))
