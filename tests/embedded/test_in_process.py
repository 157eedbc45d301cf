"""The application in this process: it answers what it describes, and long work takes turns."""

import asyncio
import re

import httpx
import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from mcstress.services.embedded import time_slicing
from mcstress.services.embedded.app import make_app
from mcstress.services.embedded.embedding import DIMENSION
from mcstress.services.embedded.http import RefusalError
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
