"""A target of one's own, without HTTP: a vector store in this process, made from the run's seed.

``locust -f examples/own_target.py --headless -u 3 -r 3 --rounds 1
--target examples/own_target.py:VectorStore``

What it does not define (an inbox) is left out, and the report says so. Its memory is this
process's: with ``--processes`` nobody would find what a colleague on another worker recorded.
"""

import itertools
import re
from collections.abc import Iterator
from random import Random
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from mcstress import AliceUser, BobUser, CarolUser, Step, Target, install
from mcstress.metrics.event import Hit
from mcstress.services.target import ADD, RECORD, SEARCH, Found, NewItem, Recording, Search, Sizes
from mcstress.services.target import TargetSetup as Setup
from mcstress.services.trace_context import TraceContext as Trace

__all__ = ["AliceUser", "BobUser", "CarolUser", "VectorStore"]

DIMENSION = 4096
ROLES = (
    "warehouse worker", "admin assistant", "electrician", "painter", "welder", "cook",
    "forklift operator", "picker", "packer", "carpenter", "plumber", "driver", "machine operator",
    "cleaner", "security guard", "nurse", "receptionist", "cashier", "data clerk", "landscaper",
)  # fmt: skip
CITIES = (
    "Milwaukee, WI", "Chicago, IL", "Joliet, IL", "Gary, IN", "Indianapolis, IN", "Madison, WI",
    "Racine, WI", "Rockford, IL", "Fort Wayne, IN", "Peoria, IL",
)  # fmt: skip
SHIFTS = ("day shift", "night shift", "weekends")


def embed(text: str) -> NDArray[np.float32]:
    """A bag of words and of pieces of words, as a vector of length 1."""
    vector = np.zeros(DIMENSION, np.float32)
    for word in re.findall(r"[a-z]+", text.lower()):
        pieces = [word[i : i + 4] for i in range(len(word) - 3)]
        for piece in [word, word, *pieces]:
            vector[crc32(piece.encode()) % DIMENSION] += 1
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


class Corpus:
    """Items by their vectors; a search looks at all of them."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.metadata: list[dict[str, Any]] = []
        self.vectors = np.zeros((0, DIMENSION), np.float32)

    def add(self, ids: list[str], texts: list[str], metadata: list[dict[str, Any]]) -> None:
        self.ids += ids
        self.metadata += metadata
        self.vectors = np.vstack([self.vectors, *map(embed, texts)])

    def nearest(
        self, vector: NDArray[np.float32], k: int, exclude: set[str]
    ) -> list[tuple[float, int]]:
        """Distances and places of the ``k`` items that are nearest."""
        distances = 1 - self.vectors @ vector
        order = np.argsort(distances, kind="stable")[: k + len(exclude)]
        kept = [place for place in order if self.ids[place] not in exclude][:k]
        return [(float(distances[place]), int(place)) for place in kept]


class VectorStore(Target):
    """One object a process, which all of its coordinators share: nothing in it waits."""

    title = "vector store in this process"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.corpora = {name: workers(setup.seed, name) for name in setup.corpora}
        self.memories: dict[str, dict[str, tuple[NDArray[np.float32], Hit]]] = {}

    def search(self, search: Search, trace: Trace) -> Step[Found]:
        """What is raised inside of ``timed`` is the reason why the step failed."""
        return self.timed(SEARCH, search, lambda: self._found(search))

    def record(self, recording: Recording, trace: Trace) -> Step[None]:
        """Recording the same again changes nothing."""
        answer = Hit(recording.answer.id, recording.answer.corpus, 0.0)

        def remember() -> None:
            memory = self.memories.setdefault(recording.namespace, {})
            memory[recording.text] = (embed(recording.text), answer)

        return self.timed(RECORD, recording, remember)

    def add(self, item: NewItem, trace: Trace) -> Iterator[Step[None]]:
        """One step: the embedding is part of it."""

        def put() -> None:
            corpus = self.corpora.setdefault(item.corpus, Corpus())
            corpus.add([item.id], [item.text], [item.metadata])

        yield self.timed(ADD, item, put)

    def sizes(self) -> Step[Sizes]:
        """For chance levels, and to know which pairs of searches saw the same corpora."""
        sizes = {name: len(corpus.ids) for name, corpus in self.corpora.items()}
        return self.timed("sizes", None, lambda: Sizes(sizes))

    def _found(self, search: Search) -> Found:
        vector, exclude = embed(search.text), {*search.exclude}
        near = [
            (distance, name, place)
            for name in search.corpora
            for distance, place in self.corpora[name].nearest(vector, search.k, exclude)
        ]
        near = sorted(near)[: search.k]
        hits = [Hit(self.corpora[name].ids[place], name, d) for d, name, place in near]
        recalled = self._recalled(search.memory, vector, exclude)
        known = {(hit.corpus, hit.id) for hit in recalled}
        others = [hit for hit in hits if (hit.corpus, hit.id) not in known]
        found = Found([*recalled, *others][: search.k])
        if search.metadata:
            by_id = {(n, self.corpora[n].ids[p]): self.corpora[n].metadata[p] for _, n, p in near}
            found.metadata = [by_id.get((hit.corpus, hit.id), {}) for hit in found.hits]
        return found

    def _recalled(
        self, namespace: str | None, vector: NDArray[np.float32], exclude: set[str]
    ) -> list[Hit]:
        """The answer that was recorded for the query nearest to this one."""
        near = sorted(
            (1 - float(asked @ vector), answer.id, answer)
            for asked, answer in self.memories.get(namespace or "", {}).values()
            if answer.id not in exclude
        )
        return [answer for _, _, answer in near[:1]]


def workers(seed: int, corpus: str) -> Corpus:
    """Workers of every role in every city, in words that depend on the seed alone."""
    random, made = Random(f"{seed}/{corpus}"), Corpus()
    metadata = [
        {"role": role, "location": city, "shift": random.choice(SHIFTS), "years": number}
        for role, city in itertools.product(ROLES, CITIES)
        for number in range(1, 11)
    ]
    texts = [" ".join(map(str, one.values())) for one in metadata]
    made.add([f"{corpus}-{number}" for number in range(len(texts))], texts, metadata)
    return made


install()
