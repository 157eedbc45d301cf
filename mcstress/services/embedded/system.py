"""The system behind the routes, as it stands before the first request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mcstress.services.embedded.build_times import Built, keep, load_built
from mcstress.services.embedded.corpus import CorpusIndex, IndexedItem
from mcstress.services.embedded.embedding import DIMENSION, fit_any, fit_embedding
from mcstress.services.embedded.items import item_of as stored_as
from mcstress.services.embedded.items import restored_item
from mcstress.services.embedded.matrix import MatrixEngine
from mcstress.services.embedded.people import WorkerProfile, make_workers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcstress.services.corpus_file import CorpusItem
    from mcstress.services.embedded.store import Store
    from mcstress.services.embedded.vocabulary import Vocabulary

CORPORA = (("workers", "w", 5_000), ("ethereal_workers", "e", 10_000))
"""Name, prefix of ids, size."""


def build_matrix(vocabulary: Vocabulary, seed: int) -> MatrixEngine:
    """The corpora of ``seed`` and the embedding that they teach; no memory yet.

    Built once on a machine, and taken from there later: a third of a second instead of two.
    """
    workers = [make_workers(vocabulary, seed, prefix, count) for _name, prefix, count in CORPORA]
    built = load_built(seed)
    if built is None:
        built = build(workers)
        keep(seed, built)
    # Also what was built just now: a graph that grows later grows alike in either case.
    corpora = [
        CorpusIndex(name, DIMENSION, list(map(item_of, members)), graph)
        for (name, _prefix, _count), members, graph in zip(
            CORPORA, workers, built.graphs, strict=True
        )
    ]
    return MatrixEngine(built.embedding(), corpora)


def matrix_of(corpora: Mapping[str, Sequence[CorpusItem]]) -> MatrixEngine:
    """Corpora of a user's own, and the embedding that their texts teach; no memory yet.

    Vectors that the items bring are not used: queries could not be embedded alike.
    """
    embedding, vectors = fit_any([item.text for items in corpora.values() for item in items])
    made = []
    for name, items in corpora.items():
        corpus = CorpusIndex(name, DIMENSION)
        corpus.add([stored_as(one.id, one.metadata) for one in items], vectors[: len(items)])
        vectors = vectors[len(items) :]
        made.append(corpus)
    return MatrixEngine(embedding, made)


def build(workers: list[list[WorkerProfile]]) -> Built:
    """What ``workers`` teach, and the graph of each corpus of them."""
    embedding, vectors = fit_embedding([worker.text for corpus in workers for worker in corpus])
    graphs = []
    for members in workers:
        corpus = CorpusIndex("", DIMENSION)
        corpus.add(list(map(item_of, members)), vectors[: len(members)])
        vectors = vectors[len(members) :]
        graphs.append(corpus.graph())
    return Built(embedding.terms, embedding.weights.tobytes(), embedding.table.tobytes(), graphs)


def item_of(worker: WorkerProfile) -> IndexedItem:
    """A worker as a corpus has it."""
    metadata = msgspec.Raw(msgspec.json.encode(worker.profile))
    return IndexedItem(worker.id, metadata, worker.profile.role)


def restore(matrix: MatrixEngine, store: Store) -> None:
    """Give ``matrix`` back what ``store`` has kept."""
    for name in store.indexes():
        matrix.corpora[name] = CorpusIndex(name, DIMENSION)
    for name, stored in store.items():
        item, vector = restored_item(stored)
        matrix.add(name, [item], vector)
    for namespace, recording in store.recordings():
        matrix.record(namespace, recording)
