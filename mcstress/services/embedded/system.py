"""The system behind the routes, as it stands before the first request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mcstress.services.embedded.corpus import Corpus, Item
from mcstress.services.embedded.embedding import DIMENSION, fit_embedding
from mcstress.services.embedded.items import restored_item
from mcstress.services.embedded.matrix import Matrix
from mcstress.services.embedded.workers import WorkerProfile, make_workers

if TYPE_CHECKING:
    from mcstress.services.embedded import embedding
    from mcstress.services.embedded.store import Store
    from mcstress.services.embedded.vocabulary import Vocabulary

CORPORA = (("workers", "w", 5_000), ("ethereal_workers", "e", 10_000))
"""Name, prefix of ids, size."""


def build_matrix(vocabulary: Vocabulary, seed: int) -> Matrix:
    """The corpora of ``seed`` and the embedding that they teach; no memory yet."""
    workers = [make_workers(vocabulary, seed, prefix, count) for _name, prefix, count in CORPORA]
    embedding, vectors = fit_embedding([worker.text for corpus in workers for worker in corpus])
    corpora = []
    for (name, _prefix, count), members in zip(CORPORA, workers, strict=True):
        corpora.append(corpus_of(name, members, vectors[:count]))
        vectors = vectors[count:]
    return Matrix(embedding, corpora)


def corpus_of(name: str, workers: list[WorkerProfile], vectors: embedding.Matrix) -> Corpus:
    """A corpus of ``workers``, each with its row of ``vectors``."""
    corpus = Corpus(name, DIMENSION)
    items = [
        Item(
            worker.id,
            msgspec.Raw(msgspec.json.encode(worker.profile)),
            worker.profile.role,
        )
        for worker in workers
    ]
    corpus.add(items, vectors)
    return corpus


def restore(matrix: Matrix, store: Store) -> None:
    """Give ``matrix`` back what ``store`` has kept."""
    for name in store.indexes():
        matrix.corpora[name] = Corpus(name, DIMENSION)
    for name, stored in store.items():
        item, vector = restored_item(stored)
        matrix.add(name, [item], vector)
    for namespace, play in store.plays():
        matrix.record(namespace, play)
