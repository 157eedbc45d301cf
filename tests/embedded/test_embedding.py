"""The embedding: unit vectors, the same everywhere, near for other words of the same need."""

import os
import subprocess
import sys
from random import Random

import numpy as np
import pytest

from mcstress.services.embedded.embedding import DIMENSION, fit_embedding, right_singular
from mcstress.services.embedded.lexicon import load_lexicon
from mcstress.services.embedded.ngrams import ngram_vector
from mcstress.services.embedded.paraphrase import paraphrase
from mcstress.services.embedded.people import make_workers
from mcstress.services.embedded.terms import term_counts
from mcstress.users.scenarios.load import load_scenario

DIGEST = """
from hashlib import sha256
from mcstress.services.embedded.embedding import fit_embedding
from mcstress.services.embedded.vocabulary import load_vocabulary
from mcstress.services.embedded.people import make_workers
workers = make_workers(load_vocabulary(), 7, "w", 400)
embedding, vectors = fit_embedding([worker.text for worker in workers])
asked = embedding.encode("Zebulon Quist, forklift driver in Racine")
print(sha256(vectors.tobytes() + asked.tobytes()).hexdigest())
"""


def digest(hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", DIGEST],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_two_processes_agree_to_the_last_bit():
    assert digest("1") == digest("2")


def test_vectors_have_length_one_and_the_fitted_ones_are_those_of_the_texts(vocabulary):
    texts = [worker.text for worker in make_workers(vocabulary, 7, "w", 400)]
    embedding, vectors = fit_embedding(texts)
    assert vectors.shape == (400, DIMENSION)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    encoded = np.array([embedding.encode(text) for text in texts])
    assert encoded == pytest.approx(vectors, abs=1e-5)


def test_a_text_of_unknown_words_has_a_direction_and_one_without_words_none(matrix):
    encode = matrix.embedding.encode
    assert np.linalg.norm(encode("Wojciechowska")) == pytest.approx(1.0, abs=1e-5)
    assert np.linalg.norm(encode("Żółć 李明")) == pytest.approx(1.0, abs=1e-5)
    assert not encode("!!!").any()
    assert not encode("").any()


def test_singular_vectors_are_those_of_numpy_up_to_sign():
    scaled = np.random.default_rng(5).standard_normal((300, 40)) * np.linspace(9, 1, 40)
    vectors, values = right_singular(scaled.astype(np.float32), 8)
    expected = np.linalg.svd(scaled)
    assert values == pytest.approx(expected.S[:8], rel=1e-4)
    assert np.abs((vectors * expected.Vh[:8].T).sum(axis=0)) == pytest.approx(1.0, abs=1e-3)
    assert (vectors.max(axis=0) >= -vectors.min(axis=0)).all()


def test_words_that_look_alike_are_nearer_than_words_that_do_not():
    word = ngram_vector("electrician", 128)
    assert word @ ngram_vector("electricians", 128) > 0.7
    assert abs(word @ ngram_vector("forklift", 128)) < 0.3


def test_terms_are_words_without_stop_words_and_plurals():
    assert term_counts("Need 12 Welders for the glass-works, welder!") == {
        "12": 1,
        "welder": 2,
        "glass": 1,
        "work": 1,
    }


def made_queries(vocabulary, count):
    """Different queries and the same in other wordings."""
    random, lexicon = Random(11), load_lexicon()
    places = [(city, region) for region in vocabulary.regions for city in region.cities]
    pairs = []
    for _ in range(count):
        role, (city, region) = random.choice(vocabulary.roles), random.choice(places)
        skills = [random.choice(skill) for skill in random.sample(role.skills, 2)]
        shift = random.choice(vocabulary.shifts).wordings[0]
        query = (
            f"{role.name} in {city.name}, {region.state}, {shift}, "
            f"{random.choice(role.certs)}, {skills[0]}, {skills[1]}"
        )
        pairs.append((query, "Who could do this? " + paraphrase(query, lexicon, 1)))
    return pairs


def share_nearest_to_their_own(matrix, queries, reworded):
    """The share of ``reworded``, pairs of words and number of their query, nearest to that."""
    vectors = np.array([matrix.embedding.encode(query) for query in queries])
    right = [
        int((vectors @ matrix.embedding.encode(words)).argmax()) == number
        for words, number in reworded
    ]
    return sum(right) / len(right)


def test_most_queries_are_known_again_with_every_phrase_replaced(matrix, vocabulary):
    pairs = dict(made_queries(vocabulary, 96))
    reworded = [(words, number) for number, words in enumerate(pairs.values())]
    assert share_nearest_to_their_own(matrix, list(pairs), reworded) >= 0.9


def test_the_scenarios_paraphrases_are_nearest_to_their_demands_of_all_variants(matrix):
    demands = [
        demand
        for variant in load_scenario("three_cities").variants
        for contract in variant.contracts
        for demand in contract.demands
    ]
    reworded = [
        (words, number) for number, demand in enumerate(demands) for words in demand.paraphrases
    ]
    queries = [demand.query for demand in demands]
    assert share_nearest_to_their_own(matrix, queries, reworded) >= 0.97
