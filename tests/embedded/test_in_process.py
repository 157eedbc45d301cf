"""The application in this process: it answers what it describes, and long work takes turns."""

import asyncio
import re

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from mcstress.services.embedded import time_slicing
from mcstress.services.embedded.app import make_app
from mcstress.services.embedded.bodies import ItemBody
from mcstress.services.embedded.embedding import DIMENSION
from mcstress.services.embedded.http import LARGEST_BODY_BYTES, RefusalError
from mcstress.services.embedded.items import checked_items
from mcstress.services.embedded.openapi import PATH
from mcstress.services.embedded.store import Store
from mcstress.services.embedded.time_slicing import CLIENT_GONE, Turns

QUERY = "Need 3 welders in Gary, IN"
ASKED = {
    ("get", "/health"): None,
    ("get", "/v1/matrix/corpora"): None,
    ("get", "/api/tags"): None,
    ("post", "/v1/matrix/search"): {"query_text": QUERY, "corpora": ["workers"], "k": 3},
    ("post", "/v1/matrix/playbooks/record"): {
        "query_text": QUERY, "answer_id": "w-1", "answer_corpus": "workers", "score": 1.0,
        "corpus": "in_process",
    },
    ("post", "/v1/observer/inbox"): {"type": "sms", "sender": "+1", "subject": "", "body": "x"},
    ("post", "/v1/embed"): {"texts": [QUERY, "a cook"]},
    ("post", "/v1/vectors/index"): {"name": "in_process_items", "dimension": DIMENSION},
    ("post", "/v1/vectors/index/{name}/add"): {"items": [{"id": "x", "vector": [1] * DIMENSION}]},
    ("post", "/api/chat"): {
        "model": "qwen2.5", "messages": [{"role": "user", "content": QUERY}],
        "format": {"properties": {"role": {}, "count": {}}},
    },
}  # fmt: skip
"""A right request of each route, in an order in which all of them succeed."""


@pytest.fixture(scope="module")
def answered(matrix, tmp_path_factory):
    """The description, and each route's answers: to what is right, and to an empty object."""

    async def ask():
        store = Store(tmp_path_factory.mktemp("store"), 42)
        transport = httpx.ASGITransport(make_app(matrix, store))
        found = {}
        async with httpx.AsyncClient(transport=transport, base_url="http://stack") as client:
            described = (await client.get(PATH)).json()
            for (method, path), body in ASKED.items():
                url = path.replace("{name}", "in_process_items")
                given = {} if body is None else {"json": body}
                right = await client.request(method, url, **given)
                wrong = None if body is None else await client.request(method, url, json={})
                found[method, path] = right, wrong
        store.close()
        return described, found

    yield asyncio.run(ask())
    del matrix.corpora["in_process_items"]  # other tests ask all corpora


def schema_of(described, operation, status):
    body = operation["responses"][str(status)]["content"]["application/json"]["schema"]
    return body | {"components": described["components"]}


def test_every_route_is_described_and_answers_as_it_is_described(answered):
    described, found = answered
    paths = {(method, path) for path, by in described["paths"].items() for method in by}
    assert paths == set(ASKED)
    for (method, path), (right, wrong) in found.items():
        operation = described["paths"][path][method]
        succeeds = min(map(int, operation["responses"]))
        assert right.status_code == succeeds, right.text
        for reply in (right, wrong):
            if reply is not None:
                schema = schema_of(described, operation, reply.status_code)
                validator_for(schema).check_schema(schema)
                Draft202012Validator(schema).validate(reply.json())
        if wrong is not None:
            assert wrong.status_code == 400
            assert re.match(r"body: Object missing required field", wrong.json()["error"])
            takes = operation["requestBody"]["content"]["application/json"]["schema"]
            taken = Draft202012Validator(takes | {"components": described["components"]})
            assert taken.is_valid(ASKED[method, path])
            assert not taken.is_valid({})


def test_what_is_answered_has_the_right_values(answered):
    _, found = answered
    said = {path: right.json() for (_, path), (right, _) in found.items()}
    sizes = {one["name"]: one["size"] for one in said["/v1/matrix/corpora"]["corpora"]}
    assert {"workers": 5000, "ethereal_workers": 10_000}.items() <= sizes.items()
    hits = said["/v1/matrix/search"]["results"]
    assert [hit["corpus"] for hit in hits] == ["workers"] * 3
    assert hits == sorted(hits, key=lambda hit: hit["distance"])
    assert {hit["metadata"]["role"] for hit in hits} == {"welder"}
    assert [len(vector) for vector in said["/v1/embed"]["vectors"]] == [DIMENSION] * 2
    assert said["/v1/vectors/index/{name}/add"] == {"added": 1}
    assert '"role":"welder"' in said["/api/chat"]["message"]["content"].replace(" ", "")


class Asking:
    """A request whose client is there, or has gone."""

    def __init__(self, *, gone=False):
        self._gone = gone

    async def is_disconnected(self):
        return self._gone


def test_of_two_that_take_long_one_has_turns_at_a_time_and_a_short_one_goes_between(monkeypatch):
    monkeypatch.setattr(time_slicing, "TURN_S", 0.0)
    told = []

    async def work(lock, name, pieces):
        async with Turns(lock, Asking()) as turns:
            for piece in range(pieces):
                await turns.pause()
                told.append(f"{name}{piece}")

    async def short():
        told.append("short")

    async def all_of_them():
        lock = asyncio.Lock()
        await asyncio.gather(work(lock, "a", 3), work(lock, "b", 2), short())
        assert not lock.locked()

    asyncio.run(all_of_them())
    assert [one for one in told if one != "short"] == ["a0", "a1", "a2", "b0", "b1"]
    assert told.index("short") < told.index("a2")


def test_work_whose_client_has_gone_or_that_the_end_cuts_is_refused(monkeypatch):
    monkeypatch.setattr(time_slicing, "TURN_S", 0.0)

    async def gone():
        async with Turns(asyncio.Lock(), Asking(gone=True)) as turns:
            await turns.pause()

    async def cut():
        async with Turns(asyncio.Lock(), Asking()):
            raise asyncio.CancelledError

    for work, status in ((gone, CLIENT_GONE), (cut, time_slicing.ENDING)):
        with pytest.raises(RefusalError) as refused:
            asyncio.run(work())
        assert refused.value.status == status


def test_an_index_that_the_disk_refused_is_not_there(matrix, tmp_path):
    """Else a second try finds it taken, and after a restart its items belong to nothing."""

    async def ask():
        store = Store(tmp_path, 42)
        transport = httpx.ASGITransport(make_app(matrix, store), raise_app_exceptions=False)
        asked = {"name": "refused_by_disk", "dimension": DIMENSION}
        item = {"items": [{"id": "x", "vector": [1] * DIMENSION}]}
        async with httpx.AsyncClient(transport=transport, base_url="http://stack") as client:
            store._database.execute("pragma query_only = on")
            answers = [await client.post("/v1/vectors/index", json=asked)]
            answers.append(await client.post("/v1/vectors/index/refused_by_disk/add", json=item))
            store._database.execute("pragma query_only = off")
            answers.append(await client.post("/v1/vectors/index", json=asked))
            answers.append(await client.post("/v1/vectors/index/refused_by_disk/add", json=item))
        kept = store.indexes()
        store.close()
        return [answer.status_code for answer in answers], answers[0].json(), kept

    statuses, said, kept = asyncio.run(ask())
    assert statuses == [500, 404, 201, 200]
    assert said == {"error": "internal error: OperationalError"}
    assert kept == ["refused_by_disk"]


REFUSED = [
    ("/v1/matrix/search", {"query_text": " ", "corpora": ["workers"], "k": 1}, 400,
     "body: query_text: expected text, found none"),
    ("/v1/matrix/search", {"query_text": "a", "corpora": [], "k": 1}, 400,
     "body: corpora: expected at least one"),
    ("/v1/matrix/search", {"query_text": "a", "corpora": ["workers"], "k": 1, "use_playbook": True},
     400, "body: playbook_corpus: expected its name, as use_playbook is true"),
    ("/v1/matrix/search", {"query_text": "a", "corpora": ["nothing"], "k": 1}, 502,
     'corpus "nothing" does not exist'),
    ("/v1/observer/inbox", {"type": "sms", "sender": "", "subject": "", "body": "ä" * 5000}, 413,
     "body: found 10000 bytes, expected at most 8192"),
    ("/v1/vectors/index", {"name": "other", "dimension": 3}, 400, "dimension: found 3, expected"),
    ("/v1/vectors/index", {"name": "workers", "dimension": DIMENSION}, 409,
     'index "workers" is there already'),
    ("/v1/vectors/index/nothing/add", {"items": []}, 404, 'index "nothing" does not exist'),
    ("/api/chat", {"model": "other", "messages": []}, 404, 'model "other" not found'),
    ("/api/chat", {"model": "qwen2.5", "messages": []}, 400, "messages: expected at least one"),
    ("/nothing", {}, 404, "POST /nothing: not found"),
    ("/health", {}, 405, "POST /health: method not allowed"),
]  # fmt: skip


def posted(matrix, path, body):
    """What the application answers; a body of bytes goes as it is."""

    async def ask():
        store = Store(None, 42)
        transport = httpx.ASGITransport(make_app(matrix, store))
        given = {"content": body} if isinstance(body, bytes) else {"json": body}
        async with httpx.AsyncClient(transport=transport, base_url="http://stack") as client:
            found = await client.post(path, **given)
        store.close()
        return found

    return asyncio.run(ask())


@pytest.mark.parametrize(("path", "body", "status", "said"), REFUSED)
def test_what_cannot_be_done_is_refused_with_its_reason(matrix, path, body, status, said):
    answer = posted(matrix, path, body)
    assert answer.status_code == status
    assert [*answer.json()] == ["error"]
    assert answer.json()["error"].startswith(said)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "body: Input data was truncated"),
        (b"\xff", 400, "body: "),
        (b"[" * 100_000, 400, "body: "),
        (b'{"query_text": "' + b"x" * LARGEST_BODY_BYTES, 413, "body: over 2097152 bytes"),
    ],
)
def test_a_body_that_is_none_is_refused(matrix, body, status, said):
    answer = posted(matrix, "/v1/matrix/search", body)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(said)


VECTOR = [1.0] * DIMENSION


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([("a", VECTOR, b"{}"), ("a", VECTOR, b"{}")], 'items[1].id: found "a" twice'),
        ([("a", [1.0], b"{}")], f"items[0].vector: found 1 numbers, expected {DIMENSION}"),
        ([("a", [0.0] * DIMENSION, b"{}")], "items[0].vector: its norm is not a positive number"),
        ([("a", VECTOR, b"{}"), ("b", [1e308] * DIMENSION, b"{}")],
         "items[1].vector: its norm is not a positive number"),
        ([("a", VECTOR, b"[]")], "items[0].metadata: Expected `object`, got `array`"),
        ([("a", VECTOR, b'{"a":"%s"}' % (b"x" * 16384))],
         "items[0].metadata: found 16392 bytes, expected at most 16384"),
        ([("a", VECTOR, b'{"a":' + b"[" * 32 + b"]" * 32 + b"}")],
         "items[0].metadata: nested deeper than 32 levels"),
        ([("a", VECTOR, b'{"a":' + b"[" * 8000 + b"]" * 8000 + b"}")],
         "items[0].metadata: nested deeper than 32 levels"),
    ],
)  # fmt: skip
def test_items_that_cannot_be_kept_are_refused_by_their_number(items, said):
    given = [ItemBody(name, vector, msgspec.Raw(metadata)) for name, vector, metadata in items]
    with pytest.raises(RefusalError) as refused:
        checked_items(given, DIMENSION)
    assert (refused.value.status, refused.value.message) == (400, said)


def test_items_that_are_kept_have_length_one_their_role_and_32_levels():
    deepest = b'{"role":"cook","a":' + b"[" * 31 + b"]" * 31 + b"}"
    given = [ItemBody("a", [3.0, 4.0], msgspec.Raw(deepest)), ItemBody("b", [0.0, 2.0])]
    (first, second), vectors = checked_items(given, 2)
    assert (first.id, first.role, second.role) == ("a", "cook", None)
    assert vectors.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 1.0]]
