"""A corpus against brute force: the nearest, all of them, in order."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcstress.services.embedded.corpus import LARGEST_EXACT, CorpusIndex, IndexedItem
from mcstress.services.embedded.people import make_workers
from mcstress.services.embedded.system import CORPORA

DIMENSION = 16
HALF_PRECISION = 0.002


def units(count, seed=0, dimension=DIMENSION):
    vectors = np.random.default_rng(seed).standard_normal((count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def items(count, prefix="i", role=None):
    return [IndexedItem(f"{prefix}-{n:05d}", msgspec.Raw(b"{}"), role) for n in range(count)]


def filled(vectors):
    corpus = CorpusIndex("made", vectors.shape[1])
    corpus.add(items(len(vectors)), vectors)
    return corpus


@pytest.fixture(scope="module")
def queries(matrix, vocabulary):
    """Resumes cut short, which are as many different needs."""
    workers = make_workers(vocabulary, 99, "q", 400)
    return [matrix.embedding.encode(worker.text[:120]) for worker in workers]


@pytest.mark.parametrize("made", CORPORA, ids=lambda made: made[0])
def test_the_eight_nearest_are_found_with_a_recall_of_nearly_one(matrix, vocabulary, queries, made):
    name, prefix, size = made
    workers = make_workers(vocabulary, 42, prefix, size)
    stored = np.array([matrix.embedding.encode(worker.text) for worker in workers])
    found = 0
    for query in queries:
        distances = 1 - stored @ query
        eighth = np.sort(distances)[7]
        hits = matrix.corpora[name].search(query, 8)
        true = [distances[int(hit.id.split("-")[1]) - 1] for hit in hits]
        assert [hit.distance for hit in hits] == pytest.approx(true, abs=HALF_PRECISION)
        found += sum(distance <= eighth + 1e-6 for distance in true)
    assert found / (8 * len(queries)) >= 0.995


def test_two_builds_find_the_same_by_the_graph(matrix, vocabulary, queries):
    workers = make_workers(vocabulary, 3, "w", LARGEST_EXACT + 500)
    vectors = np.array([matrix.embedding.encode(worker.text) for worker in workers])
    first, second = filled(vectors), filled(vectors)
    for query in queries:
        assert first.search(query, 8) == second.search(query, 8)


@settings(max_examples=60)
@given(
    size=st.integers(0, 60),
    seed=st.integers(0, 9),
    count=st.integers(1, 12),
    excluded=st.sets(st.integers(0, 70), max_size=20),
)
def test_a_small_corpus_is_searched_exactly(size, seed, count, excluded):
    vectors, query = units(size, seed), units(1, seed + 100)[0]
    corpus = filled(vectors)
    hits = corpus.search(query, count, [f"i-{number:05d}" for number in excluded])
    distances = 1 - vectors.astype(np.float64) @ query
    allowed = sorted(set(range(size)) - excluded, key=lambda number: distances[number])
    assert len(hits) == min(count, len(allowed))
    for hit, number in zip(hits, allowed, strict=False):
        assert hit.distance == pytest.approx(distances[number], abs=HALF_PRECISION)
        assert distances[int(hit.id[2:])] == pytest.approx(distances[number], abs=HALF_PRECISION)
    assert not {int(hit.id[2:]) for hit in hits} & excluded
    assert hits == sorted(hits)


def test_equal_distances_come_by_id():
    vector = units(1)
    corpus = CorpusIndex("made", DIMENSION)
    for number in (3, 1, 2):
        corpus.add([IndexedItem(f"same-{number}", msgspec.Raw(b"{}"))], vector)
    assert [hit.id for hit in corpus.search(vector[0], 8)] == ["same-1", "same-2", "same-3"]


def test_an_id_added_again_is_replaced():
    vectors = units(50)
    corpus = filled(vectors)
    for turn in range(1, 4):
        corpus.add(items(50, role=f"role {turn}"), np.roll(vectors, turn, axis=0))
    assert len(corpus) == 50
    hits = corpus.search(vectors[10], 100)
    assert len(hits) == len({hit.id for hit in hits}) == 50
    assert hits[0].id == "i-00013"
    assert +corpus.roles == {"role 3": 50}


def test_what_is_added_is_found_whether_few_are_there_or_many():
    vectors = units(LARGEST_EXACT + 1500, dimension=64)
    corpus = CorpusIndex("made", 64)
    missed = []
    for number, item in enumerate(items(len(vectors))):
        corpus.add([item], vectors[number : number + 1])
        if number % 25 == 0 and corpus.search(vectors[number], 1)[0].id != item.id:
            missed.append(item.id)
    assert not missed
    replaced = items(200)
    corpus.add(replaced, units(200, seed=5, dimension=64))
    assert len(corpus) == len(vectors)
    assert "i-00007" not in {hit.id for hit in corpus.search(vectors[7], 8)}


def test_distances_are_never_below_zero_and_reach_two():
    vectors = units(1)
    corpus = filled(np.vstack([vectors, -vectors]))
    same, opposite = corpus.search(vectors[0], 2)
    assert same.distance >= 0
    assert same.distance == pytest.approx(0, abs=HALF_PRECISION)
    assert opposite.distance == pytest.approx(2, abs=HALF_PRECISION)
