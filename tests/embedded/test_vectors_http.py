"""Texts embedded, indexes created and filled over real HTTP, while others search."""

import time

import gevent
import httpx
import numpy as np
import pytest

from mcstress.services.embedded.embedding import DIMENSION
from mcstress.services.embedded.people import make_workers

SEARCH = "/v1/matrix/search"
INDEX = "/v1/vectors/index"


def embed(client, *texts):
    answer = client.post("/v1/embed", json={"texts": list(texts)})
    assert answer.status_code == 200, answer.text
    return answer.json()["vectors"]


def create(client, name, dimension=DIMENSION):
    return client.post(INDEX, json={"name": name, "dimension": dimension})


def add(client, name, *items):
    return client.post(f"{INDEX}/{name}/add", json={"items": list(items)})


def test_texts_become_unit_vectors_of_one_dimension(client, matrix):
    answer = client.post("/v1/embed", json={"texts": ["welder in Racine", "Zoë"]}).json()
    assert answer["dimension"] == DIMENSION
    assert [len(vector) for vector in answer["vectors"]] == [DIMENSION, DIMENSION]
    assert np.linalg.norm(answer["vectors"], axis=1) == pytest.approx(1.0, abs=1e-5)
    here = matrix.embedding.encode("welder in Racine")
    assert answer["vectors"][0] == pytest.approx(here, abs=1e-5)


def test_an_index_is_created_once(client):
    assert create(client, "once").status_code == 201
    again = create(client, "once")
    assert (again.status_code, "once" in again.json()["error"]) == (409, True)
    assert create(client, "workers").status_code == 409


def test_a_new_resume_is_found_by_its_query_in_all_corpora(client):
    text = "Ludmila Grzyb, welder in Racine, WI. TIG and stick welding, AWS D1.1. Nights."
    assert create(client, "fresh").status_code == 201
    item = {"id": "f-1", "vector": embed(client, text)[0], "metadata": {"role": "welder"}}
    assert add(client, "fresh", item).json() == {"added": 1}
    query = "tungsten welder Ludmila Grzyb near Racine, third shift"
    body = {"query_text": query, "corpora": ["workers", "ethereal_workers", "fresh"], "k": 8}
    answer = client.post(SEARCH, json=body).json()
    assert answer["results"][0]["id"] == "f-1"
    assert answer["results"][0]["metadata"] == {"role": "welder"}
    assert answer["per_corpus_counts"]["fresh"] == 1
    corpora = client.get("/v1/matrix/corpora").json()["corpora"]
    fresh = next(corpus for corpus in corpora if corpus["name"] == "fresh")
    assert fresh == {"name": "fresh", "size": 1, "roles": {"welder": 1}}


def test_nearly_all_of_many_new_people_are_found_by_name(client, vocabulary):
    workers = make_workers(vocabulary, 5, "n", 120)
    texts = [
        f"{worker.profile.name} {number}x. {worker.text}" for number, worker in enumerate(workers)
    ]
    create(client, "named")
    vectors = embed(client, *texts)
    items = [
        {"id": worker.id, "vector": vector, "metadata": {}}
        for worker, vector in zip(workers, vectors, strict=True)
    ]
    assert add(client, "named", *items).json() == {"added": 120}
    found = 0
    for number, worker in enumerate(workers):
        query = f"{worker.profile.title} {worker.profile.name} {number}x in {worker.profile.city}"
        body = {"query_text": query, "corpora": ["workers", "ethereal_workers", "named"], "k": 8}
        hits = client.post(SEARCH, json=body).json()["results"]
        found += worker.id in {hit["id"] for hit in hits}
    assert found >= 114


@pytest.mark.parametrize("texts", [[], [""], "a", None])
def test_bad_texts_are_refused(client, texts):
    answer = client.post("/v1/embed", json={"texts": texts})
    assert (answer.status_code, "texts" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("name", "dimension", "place"), [("", DIMENSION, "name"), ("flat", 64, "dimension")]
)
def test_a_bad_index_is_refused_with_its_place(client, name, dimension, place):
    answer = create(client, name, dimension)
    assert (answer.status_code, place in answer.json()["error"]) == (400, True)


ONES = [1] * DIMENSION


@pytest.mark.parametrize(
    ("items", "place"),
    [
        ([{"id": "x"}], "vector"),
        ([{"id": "x", "vector": [1]}], "items[0].vector"),
        ([{"id": "", "vector": ONES}], "id"),
        ([{"id": "x", "vector": ONES}, {"id": "y", "vector": [0] * DIMENSION}], "items[1].vector"),
        ([{"id": "x", "vector": [1e308] * DIMENSION}], "items[0].vector"),
        ([{"id": "x", "vector": ONES}, {"id": "x", "vector": ONES}], "items[1].id"),
        ([{"id": "x", "vector": ONES, "metadata": 1}], "metadata"),
    ],
)
def test_bad_items_are_refused_with_their_place(client, items, place):
    answer = add(client, "workers", *items)
    assert answer.status_code == 400, answer.text
    assert place in answer.json()["error"]


def test_adding_to_an_index_that_does_not_exist_is_refused(client):
    answer = add(client, "nowhere")
    assert (answer.status_code, "nowhere" in answer.json()["error"]) == (404, True)


def test_nothing_refused_was_added(client):
    corpora = client.get("/v1/matrix/corpora").json()["corpora"]
    assert next(corpus["size"] for corpus in corpora if corpus["name"] == "workers") == 5_000


def test_others_are_answered_while_thousands_are_embedded_and_added(stack, client):
    texts = [f"resume {number} of a painter in Gary" for number in range(3_000)]
    assert create(client, "crowd").status_code == 201

    def load():
        with httpx.Client(base_url=stack.url, timeout=60) as busy:
            for start in range(0, len(texts), 1_000):
                vectors = embed(busy, *texts[start : start + 1_000])
                items = [
                    {"id": f"c-{n}", "vector": vector, "metadata": {}}
                    for n, vector in enumerate(vectors, start)
                ]
                assert add(busy, "crowd", *items).json() == {"added": 1_000}

    loading, begin_s = gevent.spawn(load), time.monotonic()
    gevent.sleep(0)
    answered, slowest_s = 0, 0.0
    while not loading.ready():
        health = client.get("/health")
        body = {"query_text": "painter in Gary", "corpora": ["workers", "crowd"], "k": 8}
        assert client.post(SEARCH, json=body).status_code == 200
        answered += 1
        slowest_s = max(slowest_s, health.elapsed.total_seconds())
    loading.get()
    loaded_s = time.monotonic() - begin_s
    assert answered >= 10
    # Of the three thousands, one alone takes a third of it; a busy machine makes all of it slower.
    assert slowest_s < max(2, loaded_s / 3)
    body = {"query_text": texts[7], "corpora": ["crowd"], "k": 8}
    assert len(client.post(SEARCH, json=body).json()["results"]) == 8
