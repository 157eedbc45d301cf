"""The stand-in's vector indexes: an item is found by the name in its metadata."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import Any


class Indexes:
    """All indexes by name."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self._by_name: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))

    def create(self, name: str) -> bool:
        """Whether it was not there before."""
        created = name not in self.sizes
        self.sizes.setdefault(name, 0)
        return created

    def add(self, name: str, items: list[dict[str, Any]]) -> int:
        """Take ``items``; their number."""
        for item in items:
            self._by_name[name][str(item["metadata"].get("name"))].append(item["id"])
        self.sizes[name] += len(items)
        return len(items)

    def find(self, name: str, query: str) -> list[str]:
        """The ids of those whose name, of two words or more, stands in ``query``, newest first."""
        named = self._by_name.get(name, {})
        words = query.replace(",", " ").split()
        stretches = (" ".join(words[i:j]) for i, j in combinations(range(len(words) + 1), 2))
        return [id_ for stretch in stretches for id_ in named.get(stretch, ())[::-1]]
