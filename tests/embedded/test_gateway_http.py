"""The gateway's own requests over real HTTP, good and bad, as WIRE.md has them."""

import socket

import pytest

from mcstress.services.embedded.bodies import LARGEST_MESSAGE_BYTES

CORPORA = ["workers", "ethereal_workers"]
QUERY = "Need 4 welders in Racine, WI, night shift, TIG welding"
SEARCH = "/v1/matrix/search"
RECORD = "/v1/matrix/playbooks/record"
INBOX = "/v1/observer/inbox"


def search(client, **more):
    body = {"query_text": QUERY, "corpora": CORPORA, "k": 8} | more
    return client.post(SEARCH, json=body)


def refused(answer, status, *words):
    """Whether ``answer`` is an error of WIRE.md's shape that names the place."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}
    for word in words:
        assert word in answer.json()["error"]


def test_health(client):
    assert client.get("/health").json() == {"status": "ok"}


def test_corpora_with_their_sizes_and_candidates_of_each_role(client):
    corpora = {
        corpus["name"]: corpus for corpus in client.get("/v1/matrix/corpora").json()["corpora"]
    }
    assert corpora["workers"]["size"] == 5_000
    assert corpora["ethereal_workers"]["size"] == 10_000
    for name in CORPORA:
        assert sum(corpora[name]["roles"].values()) == corpora[name]["size"]
    assert corpora["workers"]["roles"]["drone surveyor"] > 8


def test_a_search_answers_in_rank_order_with_metadata(client):
    answer = search(client).json()
    assert set(answer) == {
        "results", "per_corpus_counts", "playbook_boosted", "playbook_injected",
    }  # fmt: skip
    assert answer["per_corpus_counts"] == {"workers": 8, "ethereal_workers": 8}
    distances = [result["distance"] for result in answer["results"]]
    assert len(distances) == 8
    assert distances == sorted(distances)
    for result in answer["results"]:
        assert set(result) == {"id", "corpus", "distance", "metadata"}
        assert result["corpus"] in CORPORA
        assert result["id"].startswith("w-" if result["corpus"] == "workers" else "e-")
        assert 0 <= result["distance"] <= 2
        assert result["metadata"]["role"] == "welder"


def test_the_same_search_gets_the_same_answer(client):
    assert len({search(client).text for _ in range(5)}) == 1


def test_excluded_ids_are_left_out_before_the_cut(client):
    before = [result["id"] for result in search(client, k=16, per_corpus_k=16).json()["results"]]
    after = search(client, k=8, per_corpus_k=16, exclude_ids=[*before[:8], "nobody"]).json()
    assert [result["id"] for result in after["results"]] == before[8:]


def test_per_corpus_k_is_what_each_corpus_gives(client):
    answer = search(client, per_corpus_k=2).json()
    assert answer["per_corpus_counts"] == {"workers": 2, "ethereal_workers": 2}
    assert len(answer["results"]) == 4


def test_a_corpus_named_twice_is_searched_once(client):
    once = search(client, corpora=["workers"]).json()
    assert search(client, corpora=["workers", "workers"]).json() == once


def test_location_and_role_both_matter(client):
    def metadata(query):
        results = search(client, query_text=query).json()["results"]
        return [result["metadata"] for result in results]

    for city in ("Racine", "Carmel", "Joliet"):
        found = metadata(f"warehouse worker in {city}, order picking")
        assert {worker["role"] for worker in found} == {"warehouse worker"}
        assert sum(worker["city"] == city for worker in found) >= 6


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"query_text": ""}, ["query_text"]),
        ({"query_text": "  "}, ["query_text"]),
        ({"query_text": None}, ["query_text"]),
        ({"query_text": 7}, ["query_text"]),
        ({"corpora": []}, ["corpora"]),
        ({"corpora": "workers"}, ["corpora"]),
        ({"k": 0}, ["k"]),
        ({"k": 1001}, ["k"]),
        ({"k": "8"}, ["k"]),
        ({"k": None}, ["k"]),
        ({"per_corpus_k": 0}, ["per_corpus_k"]),
        ({"use_playbook": True}, ["playbook_corpus"]),
        ({"playbook_max_distance": -0.1}, ["playbook_max_distance"]),
        ({"playbook_max_inject_distance": 3}, ["playbook_max_inject_distance"]),
        ({"playbook_top_k": 0}, ["playbook_top_k"]),
        ({"exclude_ids": "w-00001"}, ["exclude_ids"]),
        ({"exclude_ids": ["x"] * 1001}, ["exclude_ids", "1000"]),
        ({"query_role": []}, ["query_role"]),
    ],
)
def test_a_bad_search_is_refused_with_its_place(client, more, words):
    refused(search(client, **more), 400, *words)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b'{"k": NaN}', b"\xff\xfe", b'{"query_text": "\\ud800"}']
)
def test_a_body_that_is_no_such_json_is_refused(client, raw):
    for path in (SEARCH, RECORD, INBOX):
        refused(client.post(path, content=raw), 400, "body")


def test_an_unknown_corpus_is_502_and_never_a_part_of_the_answer(client):
    refused(search(client, corpora=["workers", "strangers"]), 502, "strangers")
    refused(search(client, corpora=["playbook_alice"]), 502, "playbook_alice")


def test_a_playbook_corpus_that_does_not_exist_is_no_error(client):
    answer = search(client, use_playbook=True, playbook_corpus="playbook_never_written")
    assert answer.json() == search(client).json()


@pytest.mark.parametrize(("method", "path"), [("GET", SEARCH), ("POST", "/health"), ("GET", "/x")])
def test_what_has_no_route_is_refused_in_json(client, method, path):
    refused(client.request(method, path), 404 if path == "/x" else 405, path)


def record(client, namespace, answer_id, **more):
    body = {
        "query_text": QUERY,
        "answer_id": answer_id,
        "answer_corpus": "workers",
        "score": 1.0,
        "corpus": namespace,
    }
    return client.post(RECORD, json=body | more)


def test_what_is_recorded_is_found_in_its_namespace_only(client):
    plain = search(client).json()
    chosen = next(hit for hit in plain["results"][1:] if hit["corpus"] == "workers")
    first = record(client, "http_alice", chosen["id"], role="welder", tags=["test"])
    assert first.status_code == 200
    assert first.json()["playbook_id"]
    answer = search(client, use_playbook=True, playbook_corpus="http_alice").json()
    assert answer["results"][0]["id"] == chosen["id"]
    assert answer["results"][0]["distance"] == pytest.approx(chosen["distance"] / 2, abs=1e-6)
    assert (answer["playbook_boosted"], answer["playbook_injected"]) == (1, 0)
    assert search(client, use_playbook=True, playbook_corpus="http_bob").json() == plain
    assert search(client, use_playbook=False, playbook_corpus="http_alice").json() == plain
    other_role = search(
        client, use_playbook=True, playbook_corpus="http_alice", query_role="painter"
    )
    assert other_role.json() == plain


def test_the_same_triple_again_keeps_the_last_score_and_its_id(client):
    chosen = next(hit for hit in search(client).json()["results"] if hit["corpus"] == "workers")
    ids = {
        record(client, "http_scores", chosen["id"], score=score).json()["playbook_id"]
        for score in (1.0, 0.2)
    }
    assert len(ids) == 1
    answer = search(client, use_playbook=True, playbook_corpus="http_scores").json()
    found = next(hit for hit in answer["results"] if hit["id"] == chosen["id"])
    assert found["distance"] == pytest.approx(chosen["distance"] * 0.9, abs=1e-6)


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"score": 1.1}, "score"),
        ({"score": -0.1}, "score"),
        ({"score": None}, "score"),
        ({"corpus": ""}, "corpus"),
        ({"answer_corpus": ""}, "answer_corpus"),
        ({"query_text": " "}, "query_text"),
        ({"tags": [1]}, "tags"),
    ],
)
def test_a_bad_record_is_refused_with_its_place(client, more, place):
    refused(record(client, "http_bad", "w-00001", **more), 400, place)


def inbox(client, **more):
    message = {"type": "email", "sender": "a@b.example", "subject": "s", "body": "text"}
    return client.post(INBOX, json=message | more)


def test_messages_are_accepted_each_with_its_id(client):
    answers = [
        inbox(client),
        inbox(client),
        inbox(client, type="sms", priority="urgent", tag="alice"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.json()["id"] for answer in answers}) == 3


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"body": ""}, "body"),
        ({"body": " \n"}, "body"),
        ({"type": "fax"}, "type"),
        ({"priority": "soon"}, "priority"),
        ({"sender": 7}, "sender"),
    ],
)
def test_a_bad_message_is_refused_with_its_place(client, more, place):
    refused(inbox(client, **more), 400, place)


def test_a_message_over_8_kib_is_too_large_counted_in_bytes(client):
    assert inbox(client, body="ż" * (LARGEST_MESSAGE_BYTES // 2)).status_code == 200
    refused(inbox(client, body="ż" * (LARGEST_MESSAGE_BYTES // 2) + "."), 413, "8192")


def test_a_body_beyond_all_reason_is_refused_before_it_is_read_whole(client):
    def endless():
        chunk = b" " * 2**20
        for _ in range(64):
            yield chunk

    refused(client.post(SEARCH, content=endless()), 413, "body")


def test_a_client_that_goes_away_midway_harms_nobody(stack, client):
    port = int(stack.url.rsplit(":", 1)[1])
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            head = f"POST {SEARCH} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"
            connection.sendall(head.encode() + b'{"query')
    assert search(client).status_code == 200
    assert stack.alive
