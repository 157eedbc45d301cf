"""Faults of the embedded stack over connections: replicas, losses, outages, the LLM's words."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from types import SimpleNamespace

import httpx
import pytest
from embedded.test_gateway_http import INBOX, RECORD, SEARCH
from embedded.test_stack_faults import BOTH, QUERY, SEED, near

from mcstress.errors import UsageError
from mcstress.services.embedded import faulty_stack, server
from mcstress.services.embedded.embedding import DIMENSION
from mcstress.services.embedded.faults import parse_faults
from mcstress.services.embedded.people import make_workers
from mcstress.services.embedded.process import EmbeddedStack
from mcstress.services.embedded.store import Store


@pytest.fixture(scope="module")
def queries(vocabulary):
    """Resumes cut short, which are as many different texts."""
    return [worker.text[:120] for worker in make_workers(vocabulary, 99, "q", 300)]


# --- What comes over a connection ------------------------------------------------------------


@contextlib.contextmanager
def application(matrix, text, folder=None):
    """The application with faults, and a function that makes a client with its own connection."""
    store = Store(folder, SEED)
    app = server.faulty_app(matrix, store, parse_faults([text], "--fault"), SEED)

    def client(port=1):
        transport = httpx.ASGITransport(app, client=("127.0.0.1", port))
        return httpx.AsyncClient(transport=transport, base_url="http://stack")

    yield client
    store.close()


@pytest.fixture
def clock(monkeypatch):
    """The faults' clock, which goes on when it is told to."""
    now = SimpleNamespace(s=1000.0)
    monkeypatch.setattr(faulty_stack, "time", SimpleNamespace(monotonic=lambda: now.s))
    return now


def vector_of(matrix, text):
    return matrix.embedding.encode(text).tolist()


async def add(client, matrix, item_id, text=QUERY, index="fresh_faults"):
    """Make the index, and add one item."""
    await client.post("/v1/vectors/index", json={"name": index, "dimension": DIMENSION})
    item = {"id": item_id, "vector": vector_of(matrix, text)}
    added = await client.post(f"/v1/vectors/index/{index}/add", json={"items": [item]})
    assert added.json() == {"added": 1}


async def sees(client, item_id, index="fresh_faults"):
    body = {"query_text": QUERY, "corpora": [*BOTH, index], "k": 8}
    results = (await client.post(SEARCH, json=body)).json()["results"]
    return item_id in [hit["id"] for hit in results]


def test_a_new_item_is_seen_at_once_over_its_connection_and_by_others_later(matrix, clock):
    async def look():
        with application(matrix, "replica_lag_s=3") as client:
            async with client(1) as adder, client(2) as other:
                await add(adder, matrix, "f-1")
                assert await sees(adder, "f-1")
                assert not await sees(other, "f-1")
                clock.s += 2.999
                assert not await sees(other, "f-1")
                await add(other, matrix, "f-2")
                assert [await sees(adder, "f-2"), await sees(other, "f-2")] == [False, True]
                clock.s += 0.001
                assert [await sees(other, "f-1"), await sees(adder, "f-2")] == [True, False]
                clock.s += 3
                assert await sees(adder, "f-2")

    asyncio.run(look())


def test_lost_items_are_acknowledged_and_stay_lost_after_a_restart(matrix, tmp_path):
    ids = [f"f-{number}" for number in range(60)]

    async def add_all():
        with application(matrix, "lose_fresh=0.5", tmp_path) as client:
            async with client() as adder:
                for item_id in ids:
                    await add(adder, matrix, item_id)
                body = {"query_text": QUERY, "corpora": ["fresh_faults"], "k": 100}
                answer = await adder.post(SEARCH, json=body)
                return {hit["id"] for hit in answer.json()["results"]}

    async def look_again():
        with application(matrix, "lose_fresh=0.5", tmp_path) as client:
            async with client() as other:
                body = {"query_text": QUERY, "corpora": ["fresh_faults"], "k": 100}
                answer = await other.post(SEARCH, json=body)
                return {hit["id"] for hit in answer.json()["results"]}

    found = asyncio.run(add_all())
    assert near(0.5, len(found), len(ids))
    assert asyncio.run(look_again()) == found


def test_an_outage_that_refuses_is_counted_from_the_first_search(matrix, clock):
    body = {"query_text": QUERY, "corpora": BOTH, "k": 8}

    async def statuses(client):
        search = await client.post(SEARCH, json=body)
        health, models = await client.get("/health"), await client.get("/api/tags")
        return search.status_code, health.status_code, models.status_code

    async def look():
        with application(matrix, "outage=10+5refuse") as client:
            async with client() as http:
                clock.s += 100
                assert (await http.get("/health")).status_code == 200
                assert await statuses(http) == (200, 200, 200)
                clock.s += 9.999
                assert await statuses(http) == (200, 200, 200)
                clock.s += 0.001
                assert await statuses(http) == (503, 503, 200)
                assert "outage" in (await http.get("/health")).json()["error"]
                clock.s += 4.999
                assert await statuses(http) == (503, 503, 200)
                clock.s += 0.001
                assert await statuses(http) == (200, 200, 200)

    asyncio.run(look())


SCHEMAS = {
    "demand": {"role": {}, "count": {}},
    "rating": {"rating": {}, "reason": {}},
    "paraphrase": {"paraphrase": {}},
}


async def says(client, kind, text):
    """The content of the LLM's answer."""
    body = {
        "model": "qwen2.5",
        "messages": [{"role": "user", "content": text}],
        "format": {"properties": SCHEMAS[kind]},
    }
    return (await client.post("/api/chat", json=body)).json()["message"]["content"]


def is_json(text):
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def test_the_llm_says_prose_to_a_share_of_questions(matrix, queries):
    async def ask():
        with application(matrix, "unparseable=0.5") as client:
            async with client() as http:
                told = [await says(http, "demand", query) for query in queries]
                again = [await says(http, "demand", query) for query in queries[:20]]
                return told, again

    told, again = asyncio.run(ask())
    assert near(0.5, sum(not is_json(text) for text in told), len(told))
    assert again == told[:20]


def test_the_llm_echoes_the_query_or_the_schema_and_nothing_but_paraphrases(matrix, queries):
    async def ask():
        with application(matrix, "echo_paraphrase=1") as client:
            async with client() as http:
                told = [await says(http, "paraphrase", query) for query in queries[:40]]
                demand = await says(http, "demand", QUERY)
                return told, demand

    told, demand = asyncio.run(ask())
    said = [json.loads(text)["paraphrase"] for text in told]
    assert {text == "paraphrase" or text in queries for text in said} == {True}
    assert near(0.5, said.count("paraphrase"), 40)
    assert json.loads(demand)["role"] == "welder"


class Asked:
    """One search as the server hands it to the application; ``sent`` is what comes back."""

    def __init__(self, app):
        body = {"query_text": QUERY, "corpora": BOTH, "k": 8}
        self._app = app
        self._scope = httpx_scope(SEARCH)
        self.sent = []
        self.waits = asyncio.Event()
        self.messages = asyncio.Queue()
        self.messages.put_nowait({"type": "http.request", "body": json.dumps(body).encode()})

    async def receive(self):
        if self.messages.empty():
            self.waits.set()
        return await self.messages.get()

    async def send(self, message):
        self.sent.append(message)

    def answer(self):
        return asyncio.create_task(self._app(self._scope, self.receive, self.send))


def httpx_scope(path):
    return {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
            "query_string": b"", "headers": [], "client": ("127.0.0.1", 1)}  # fmt: skip


@contextlib.contextmanager
def hanging(matrix):
    store = Store(None, SEED)
    yield server.faulty_app(matrix, store, parse_faults(["outage=0+60"], "--fault"), SEED)
    store.close()


def test_a_hung_request_whose_client_leaves_is_dropped(matrix):
    async def leave():
        with hanging(matrix) as app:
            asked = Asked(app)
            answer = asked.answer()
            asked.messages.put_nowait({"type": "http.disconnect"})
            await asyncio.wait_for(answer, 10)
            return asked.sent

    assert asyncio.run(leave()) == []


def test_a_stack_that_ends_during_a_hang_says_so(matrix):
    """What uvicorn cancels would otherwise become a traceback on standard error."""

    async def end():
        with hanging(matrix) as app:
            asked = Asked(app)
            answer = asked.answer()
            await asyncio.wait_for(asked.waits.wait(), 10)
            answer.cancel()
            await asyncio.wait_for(answer, 10)
            return asked.sent

    start, body = asyncio.run(end())
    assert start["status"] == 503
    assert json.loads(body["body"]) == {"error": "the stack is ending"}


# --- The real thing --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slow_and_out():
    """A stack in a process of its own: each answer 50 ms late, and 0.8 s of silence."""
    running = EmbeddedStack.start(seed=SEED, faults="slow_ms=50,outage=0.5+0.8,forget=1")
    yield running
    running.stop()


def test_a_hang_is_a_silence_of_its_length_after_which_all_are_answered(slow_and_out):
    body = {"query_text": QUERY, "corpora": BOTH, "k": 8}
    answered = []
    with httpx.Client(base_url=slow_and_out.url, timeout=30) as client:
        begin = time.monotonic()
        while time.monotonic() - begin < 2:
            asked = time.monotonic()
            assert client.post(SEARCH, json=body).status_code == 200
            answered.append((asked - begin, time.monotonic() - begin))
        took = [end - start for start, end in answered]
        assert min(took) >= 0.05
        longest = max(answered, key=lambda span: span[1] - span[0])
        assert longest[0] <= 1.3
        assert longest[1] >= 1.3
        assert client.get("/api/tags").elapsed.total_seconds() < max(took)
        assert client.post(RECORD, json={}).status_code == 400
        assert client.post(INBOX, content=b"{").status_code == 400
    silence = [span for span in answered if span[1] - span[0] >= 0.6]
    assert len(silence) == 1


def test_a_wrong_fault_ends_the_stack_before_it_starts():
    with pytest.raises(UsageError, match="embedded stack: --fault: found 'nois', expected"):
        EmbeddedStack.start(faults="nois=1")
