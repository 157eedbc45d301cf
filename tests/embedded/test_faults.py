"""The faults of the embedded stack: each does what its value says, the same again, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from embedded.test_gateway_http import INBOX, RECORD, SEARCH

from mcstress.errors import UsageError
from mcstress.services.embedded import faulty, server
from mcstress.services.embedded.bodies import SearchBody
from mcstress.services.embedded.embedding import DIMENSION
from mcstress.services.embedded.faults import FAULTS, Faults, Outage, explained, parse_faults
from mcstress.services.embedded.playbook import Play
from mcstress.services.embedded.process import EmbeddedStack
from mcstress.services.embedded.store import Store
from mcstress.services.embedded.workers import make_workers

SEED = 42
BOTH = ["workers", "ethereal_workers"]
QUERY = "Need 4 welders in Racine, WI, night shift, TIG welding"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
FOUR_SIGMA = 4.0


def near(share, found, count):
    """Whether ``found`` of ``count`` is what ``share`` gives by chance, within four sigmas."""
    sigma = (count * share * (1 - share)) ** 0.5
    return abs(found - count * share) <= FOUR_SIGMA * sigma


@pytest.fixture(scope="module")
def queries(vocabulary):
    """Resumes cut short, which are as many different needs."""
    return [worker.text[:120] for worker in make_workers(vocabulary, 99, "q", 300)]


@pytest.fixture(scope="module")
def stored(matrix, vocabulary):
    """The vectors of ``workers``, in the order of their ids."""
    workers = make_workers(vocabulary, SEED, "w", 5_000)
    return np.array([matrix.embedding.encode(worker.text) for worker in workers])


@pytest.fixture
def faulty_matrix(matrix):
    """Makes the session's system as it is with faults; what is added to it, no other test sees."""

    def make(text, seed=SEED):
        return faulty.FaultyMatrix(matrix, parse_faults([text], "--fault"), seed)

    return make


def listed(matrix, query=QUERY, corpora=BOTH, **more):
    """What is found, as (corpus, id)."""
    body = SearchBody(query_text=query, corpora=corpora, **({"k": 8} | more))
    return [(hit.corpus, hit.id) for hit in matrix.search(body).results]


def roles(matrix, query):
    results = matrix.search(SearchBody(query_text=query, corpora=BOTH, k=8)).results
    return [json.loads(bytes(hit.metadata))["role"] for hit in results]


def true_ids(matrix, stored, query):
    """The eight nearest of ``workers`` by brute force."""
    distances = 1 - stored @ matrix.embedding.encode(query)
    return {f"w-{row + 1:05d}" for row in np.argsort(distances)[:8]}


# --- How they are read -----------------------------------------------------------------------


def test_names_and_values_are_read():
    texts = ["noise=1, recall=.25", "outage=10+5refuse,replica_lag_s=3"]
    faults = parse_faults(texts, "--fault")
    assert faults == Faults(
        noise=1.0,
        recall=0.25,
        outage=Outage(10.0, 5.0, refuses=True),
        replica_lag_s=3.0,
        text="noise=1,recall=.25,outage=10+5refuse,replica_lag_s=3",
    )
    assert parse_faults([faults.text], "--fault") == faults
    assert not parse_faults(None, "--fault")
    assert parse_faults(["outage=10+5hang"], "--fault").outage == Outage(10.0, 5.0)


NAMES = ", ".join(FAULTS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nois=1", f"found 'nois', expected NAME=VALUE with a name of {NAMES}"),
        ("", f"found '', expected NAME=VALUE with a name of {NAMES}"),
        ("noise=1,", f"found '', expected NAME=VALUE with a name of {NAMES}"),
        ("noise", "noise: found no value, expected a share from 0 to 1"),
        ("noise=", "noise: found '', expected a share from 0 to 1"),
        ("noise=2", "noise: found '2', expected a share from 0 to 1"),
        ("noise=nan", "noise: found 'nan', expected a share from 0 to 1"),
        ("recall=-0.1", "recall: found '-0.1', expected a share from 0 to 1"),
        ("noise=1,noise=1", "found noise twice, expected it once"),
        ("replica_lag_s=inf", "replica_lag_s: found 'inf', expected seconds, 0 or more"),
        ("slow_ms=-1", "slow_ms: found '-1', expected milliseconds, 0 or more"),
        ("outage=10", "outage: found '10', expected seconds as 10+5, or 10+5refuse for 503 in"),
        ("outage=10+5lost", "outage: found '10+5lost', expected seconds as 10+5"),
        ("outage=+5", "outage: found '+5', expected seconds as 10+5"),
    ],
)
def test_what_is_no_fault_is_refused_in_one_line(text, message):
    with pytest.raises(UsageError) as refusal:
        parse_faults([text], "--fault")
    assert str(refusal.value).startswith(f"--fault: {message}")
    assert "\n" not in str(refusal.value)


def test_the_docs_have_every_fault_and_no_other():
    rows = re.findall(r"^\| `([a-z_]+)=", DOCS.read_text(), re.MULTILINE)
    assert list(dict.fromkeys(rows)) == list(FAULTS)
    assert all(f"{name}={fault.kind.value}: " in explained() for name, fault in FAULTS.items())


def test_a_stack_without_faults_does_not_even_load_them():
    loads = (
        "import sys, mcstress.services.embedded.server\n"
        "sys.exit('mcstress.services.embedded.faulty' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", loads], check=False).returncode == 0


# --- Retrieval -------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_noise_replaces_the_vectors_of_a_share_of_queries(faulty_matrix, matrix, queries, share):
    noisy = faulty_matrix(f"noise={share}")
    lists = [listed(noisy, query) for query in queries]
    changed = [found != listed(matrix, query) for found, query in zip(lists, queries, strict=True)]
    assert near(share, sum(changed), len(queries))
    assert [listed(faulty_matrix(f"noise={share}"), query) for query in queries[:20]] == lists[:20]
    assert [listed(faulty_matrix(f"noise={share}", 7), q) for q in queries[:20]] != lists[:20]


def test_what_noise_finds_is_what_chance_finds(faulty_matrix, matrix, stored, queries):
    noisy = faulty_matrix("noise=1")
    found = [{one for _, one in listed(noisy, query, ["workers"])} for query in queries]
    true = [true_ids(matrix, stored, query) for query in queries]
    assert sum(len(one & other) for one, other in zip(found, true, strict=True)) < 24
    assert roles(noisy, QUERY).count("welder") <= 4
    assert roles(matrix, QUERY) == ["welder"] * 8


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_recall_is_the_share_of_true_neighbours(faulty_matrix, matrix, stored, queries, share):
    dropping = faulty_matrix(f"recall={share}")
    kept = 0
    for query in queries:
        results = dropping.search(SearchBody(query_text=query, corpora=["workers"], k=8)).results
        distances = [hit.distance for hit in results]
        ids = {hit.id for hit in results}
        assert len(ids) == len(results) == 8
        assert distances == sorted(distances)
        kept += len(ids & true_ids(matrix, stored, query))
    assert near(share, kept, 8 * len(queries)) if share else kept <= 0.01 * 8 * len(queries)
    assert listed(dropping, queries[0]) == listed(dropping, queries[0])
    assert roles(dropping, QUERY) == ["welder"] * 8


def test_nondeterminism_is_the_share_of_lists_that_change(faulty_matrix, matrix):
    times, share = 400, 0.1
    right = listed(matrix)
    restless = faulty_matrix(f"nondeterminism={share}")
    lists = [listed(restless) for _ in range(times)]
    changed = [found for found in lists if found != right]
    assert near(share, len(changed), times)
    assert all(len(set(found)) == 8 for found in changed)
    shared = [len({*found} & {*right}) for found in changed]
    assert 3 <= np.mean(shared) <= 5
    assert len({tuple(found) for found in changed}) > len(changed) / 2
    again = faulty_matrix(f"nondeterminism={share}")
    assert [listed(again) for _ in range(times)] == lists


def test_the_order_of_arrival_does_not_decide_which_lists_change(faulty_matrix, queries):
    one, other = (faulty_matrix("nondeterminism=0.3") for _ in range(2))
    asked = queries[:20]
    in_order = {query: [listed(one, query) for _ in range(5)] for query in asked}
    mixed = [{query: listed(other, query) for query in reversed(asked)} for _ in range(5)]
    assert {query: [found[query] for found in mixed] for query in asked} == in_order


def test_a_cycle_has_the_same_people_in_every_city_and_others_for_every_role(faulty_matrix):
    cycling = faulty_matrix("cycle=1")
    in_racine, in_joliet = (
        listed(cycling, f"Need 3 welders in {city}, night shift")
        for city in ("Racine, WI", "Joliet, IL")
    )
    assert in_racine == in_joliet
    assert not {*in_racine} & {*listed(cycling, "Need 3 painters in Racine, WI, night shift")}
    assert roles(cycling, QUERY) == ["welder"] * 8


@pytest.mark.parametrize("share", [0.4, 1.0])
def test_forget_is_the_share_of_plays_that_are_not_remembered(faulty_matrix, queries, share):
    forgetful = faulty_matrix(f"forget={share}")
    for number, query in enumerate(queries):
        forgetful.record(f"n-{number}", Play(query, "w-00001", "workers", 1.0))
    remembered = 0
    for number, query in enumerate(queries):
        body = SearchBody(
            query_text=query, corpora=BOTH, k=8, use_playbook=True, playbook_corpus=f"n-{number}"
        )
        answer = forgetful.search(body)
        remembered += answer.playbook_boosted + answer.playbook_injected
    assert near(1 - share, remembered, len(queries))


def test_excluded_ids_are_not_obeyed(faulty_matrix, matrix):
    right = listed(matrix)
    excluded = [one for _, one in right]
    assert listed(faulty_matrix("ignore_exclude=1"), exclude_ids=excluded) == right
    assert not {*listed(faulty_matrix("noise=0"), exclude_ids=excluded)} & {*right}


def test_lists_are_null_or_have_one_id(faulty_matrix, queries):
    nothing, one = faulty_matrix("null_results=0.5"), faulty_matrix("same_ids=1")
    bodies = [SearchBody(query_text=query, corpora=BOTH, k=8) for query in queries]
    nulls = [nothing.search(body).results is None for body in bodies]
    assert near(0.5, sum(nulls), len(bodies))
    found = one.search(bodies[0]).results
    assert len(found) == 8
    assert len({(hit.corpus, hit.id) for hit in found}) == 1


def test_faults_combine(faulty_matrix):
    both = faulty_matrix("cycle=1,null_results=0.5,forget=1")
    demands = [f"Need {count} welders in Racine, WI" for count in range(1, 41)]
    answers = [both.search(SearchBody(query_text=one, corpora=BOTH, k=8)) for one in demands]
    lists = [answer.results for answer in answers if answer.results is not None]
    assert near(0.5, len(lists), len(demands))
    assert all(found == lists[0] for found in lists)


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
    monkeypatch.setattr(faulty, "time", SimpleNamespace(monotonic=lambda: now.s))
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
