"""The stand-in's search: lists whose overlaps are known (modes.py)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from hashlib import blake2b
from itertools import count, islice
from random import Random
from typing import Any

from standin.index import Indexes
from standin.memory import Memory, Recall
from standin.modes import Mode

Hit = dict[str, Any]

FIRST_DISTANCE, STEP = 0.30, 0.01
FRESH_DISTANCE = 0.05


class Search:
    """Answers ``POST /v1/matrix/search``, all of whose corpora are there."""

    def __init__(self, indexes: Indexes, memory: Memory) -> None:
        self._indexes, self._memory = indexes, memory
        self._new = count(1)
        self._chance = Random(1)

    def answer(self, request: dict[str, Any], mode: Mode, clients: int) -> dict[str, Any]:
        """The body of the answer; ``clients`` are those that there are now."""
        k = request["k"]
        excluded = set(request.get("exclude_ids", ())) if mode.excludes else set()
        hits = self._retrieved(request, mode, excluded)
        boosted, injected = self._remembered(request, mode, clients, excluded, hits)
        hits = sorted(hits, key=lambda hit: hit["distance"])[:k]
        if hits and self._is_restless(mode, clients):
            hits[-1] |= {"id": f"w-new-{next(self._new)}"}
        return {
            "results": hits,
            "per_corpus_counts": {
                corpus: sum(hit["corpus"] == corpus for hit in hits)
                for corpus in request["corpora"]
            },
            "playbook_boosted": boosted,
            "playbook_injected": injected,
        }

    def _retrieved(
        self, request: dict[str, Any], mode: Mode, excluded: Collection[str]
    ) -> list[Hit]:
        """New resumes, then ``k`` of the other corpora."""
        query, corpora = request["query_text"], request["corpora"]
        fresh = [
            hit(id_, corpus, FRESH_DISTANCE + place * STEP / 100)
            for corpus in corpora
            if corpus in self._indexes.sizes and mode.resumes_found
            for place, id_ in enumerate(self._indexes.find(corpus, query))
            if id_ not in excluded
        ]
        others = [corpus for corpus in corpora if corpus not in self._indexes.sizes]
        if not others:
            return fresh
        ranked = islice(ranking(query, mode, request["k"], excluded), request["k"])
        return fresh + [
            hit(id_, others[place % len(others)], FIRST_DISTANCE + place * STEP)
            for place, id_ in enumerate(ranked)
        ]

    def _remembered(
        self,
        request: dict[str, Any],
        mode: Mode,
        clients: int,
        excluded: Collection[str],
        hits: list[Hit],
    ) -> tuple[int, int]:
        """Bring what was remembered into ``hits``; how many were boosted and injected."""
        if not request.get("use_playbook") or mode.memory == "none":
            return 0, 0
        if clients >= mode.crowd and self._chance.random() < mode.crowd_forgets:
            return 0, 0
        found = {found["id"]: found for found in hits}
        boosted, injected, seen = 0, 0, set(excluded)
        for recall in self._recalls(request, mode):
            if recall.answer_id in seen:
                continue
            seen.add(recall.answer_id)
            if recall.answer_id in found:
                if recall.distance <= request.get("playbook_max_distance", 0.5):
                    found[recall.answer_id]["distance"] *= recall.factor
                    boosted += 1
            elif recall.distance <= request.get("playbook_max_inject_distance", 0.2):
                hits.append(hit(recall.answer_id, recall.corpus, recall.distance * recall.factor))
                injected += 1
        return boosted, injected

    def _recalls(self, request: dict[str, Any], mode: Mode) -> list[Recall]:
        return self._memory.near(
            request.get("playbook_corpus", ""),
            request["query_text"],
            request.get("query_role"),
            request.get("playbook_top_k", 3),
            mode.memory == "same_words",
        )

    def _is_restless(self, mode: Mode, clients: int) -> bool:
        if mode.last_hit == "new":
            return True
        return clients >= mode.crowd and self._chance.random() < mode.crowd_new_last


def hit(id_: str, corpus: str, distance: float) -> Hit:
    """One result."""
    return {"id": id_, "corpus": corpus, "distance": distance, "metadata": {"made_by": "stand-in"}}


def ranking(query: str, mode: Mode, k: int, excluded: Collection[str]) -> Iterator[str]:
    """All ids in the order in which ``query`` finds them."""
    own = _without(excluded, blake2b(query.encode(), digest_size=6).hexdigest())
    if mode.lists == "same":
        yield from _without(excluded, "same")
    if mode.lists == "half":
        yield from islice(own, k // 2)
        yield from _without(excluded, "shared")
    yield from own


def _without(excluded: Collection[str], word: str) -> Iterator[str]:
    return (id_ for id_ in (f"w-{word}-{place}" for place in count(1)) if id_ not in excluded)
