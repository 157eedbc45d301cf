"""A target by a TOML file: its requests as they go out, and what its answers become."""

import contextlib
import json
import textwrap
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import gevent
import msgspec
import pytest
from gateway_answers import TRACE
from tcp.raw_server import RawServer, answer
from toml_files import ASKED, BOTH, CHROMA, COLUMNS, ROWS, WITH_MEMORY, Answers, bodies, row

from mcstress.errors import UsageError
from mcstress.metrics.event import Hit, Item
from mcstress.services.target import (
    Found,
    NewItem,
    Recording,
    Sizes,
    TargetSetup,
)
from mcstress.services.toml.target import toml_target


def test_a_search_in_rows(served):
    found = {"results": [row("w-1", 0.25, role="cook"), row(7, 1)]}
    server, target = served(ROWS, {"POST /api/q/workers": found})
    step = target.search(msgspec.structs.replace(ASKED, metadata=True), TRACE)
    assert (step.name, step.error, step.status) == ("matrix.search", None, 200)
    hits = [Hit("w-1", "workers", 0.25), Hit("7", "workers", 1.0)]
    assert step.answer == Found(hits, {"workers": 2}, metadata=[{"role": "cook"}, {}])
    assert bodies(server) == [{"text": "forklift, Milwaukee", "limit": 2}]
    (request,) = server.requests
    assert request.headers["traceparent"] == TRACE.traceparent(step.span_id)
    assert json.loads(step.request) == request.json()
    assert json.loads(step.response) == found
    assert step.url == f"{server.url}/api/q/workers"
    assert step.latency_ms > 0


def test_the_memory_is_a_namespace_of_the_search(served):
    server, target = served(
        ROWS, {f"POST /api/q/{corpus}": {"results": []} for corpus in ("workers", "others")}
    )
    assert target.search(WITH_MEMORY, TRACE).answer == Found([], {"workers": 0, "others": 0})
    filtered = {"ns": "playbook_alice", "role": "cook"}
    assert [body["filter"] for body in bodies(server)] == [filtered, filtered]


def test_a_search_of_several_requests_is_one_step_with_parts(served):
    server, target = served(COLUMNS, CHROMA, corpora=("workers", "others"))
    step = target.search(msgspec.structs.replace(BOTH, metadata=True), TRACE)
    assert (step.name, step.error) == ("matrix.search", None)
    # Distances say the order, of both corpora together; a list that came unordered is ordered.
    assert step.answer.hits == [Hit("o-9", "others", 0.1), Hit("w-1", "workers", 0.2)]
    assert step.answer.metadata == [{"c": 3}, {"a": 1}]
    assert step.answer.per_corpus_counts == {"workers": 2, "others": 2}
    assert [part.name for part in step.parts] == ["embed.query", "store.query", "store.query"]
    embed, *stores = step.parts
    assert step.latency_ms == embed.latency_ms + max(part.latency_ms for part in stores)
    assert step.start_s == embed.start_s
    assert json.loads(step.request)["text"] == "forklift, Milwaukee"
    assert json.loads(step.response)["hits"][0]["id"] == "o-9"
    spans = {r.headers["traceparent"] for r in server.requests if "traceparent" in r.headers}
    assert spans == {TRACE.traceparent(part.span_id) for part in step.parts}
    sent = [r.json() for r in server.requests if r.path.endswith("/query")]
    assert sent == [{"query_embeddings": [[0.1, 1e-05, -3]], "n_results": 2, "not": []}] * 2
    # Ids of corpora are asked for once a process; another coordinator knows them.
    with contextlib.closing(target.connect()) as another:
        another.search(BOTH, TRACE)
    asked = [r.path for r in server.requests if r.method == "GET"]
    assert sorted(asked) == ["/collections/others", "/collections/workers"]


def test_corpora_are_asked_at_once(served):
    """Each is answered only when both have come."""
    both = gevent.event.Event()
    came = []

    def late(request):
        came.append(request.path)
        if len(came) == 2:
            both.set()
        assert both.wait(60)
        return {"results": []}

    _, target = served(
        ROWS,
        {"POST /api/q/workers": late, "POST /api/q/others": late},
        corpora=("workers", "others"),
    )
    assert target.search(BOTH, TRACE).error is None


def test_rejected_items_are_excluded_in_their_own_corpus(served):
    server, target = served(COLUMNS, CHROMA, corpora=("workers", "others"))
    search = msgspec.structs.replace(
        BOTH, exclude=["w-1", "o-2"], rejected=[Item("w-1", "workers"), Item("o-2", "others")]
    )
    target.search(search, TRACE)
    sent = {r.path: r.json()["not"] for r in server.requests if r.path.endswith("/query")}
    assert sent == {
        "/collections/u-workers/query": ["w-1"],
        "/collections/u-others/query": ["o-2"],
    }


def test_what_a_target_cannot_exclude_is_asked_for_and_dropped(served):
    found = {"results": [row("w-1", 0.1), row("w-2", 0.2), row("w-3", 0.3)]}
    server, target = served(ROWS, {"POST /api/q/workers": found})
    search = msgspec.structs.replace(ASKED, exclude=["w-2"], rejected=[Item("w-2", "workers")])
    step = target.search(search, TRACE)
    assert (step.name, step.error) == ("matrix.search_wider", None)
    assert [hit.id for hit in step.answer.hits] == ["w-1", "w-3"]
    assert bodies(server)[0]["limit"] == 3
    assert not target.capabilities().exclude


def test_sizes_are_asked_corpus_by_corpus(served):
    _, target = served(COLUMNS, CHROMA, corpora=("workers", "others"), fresh_corpus="fresh")
    step = target.sizes()
    assert (step.error, step.answer) == (None, Sizes({"workers": 5000, "others": 10000}))


def test_an_item_is_embedded_and_added_to_a_corpus_that_is_made_once(served):
    server, target = served(COLUMNS, CHROMA)
    item = NewItem("f-1", "fresh", "a cook", {"role": "cook"})
    for _ in range(2):
        steps = list(target.add(item, TRACE))
        assert [(step.name, step.error) for step in steps] == [("embed", None), ("index.add", None)]
    posts = [(r.path, r.json()) for r in server.requests if r.method == "POST"]
    upserted = {
        "ids": ["f-1"],
        "embeddings": [[0.1, 1e-05, -3]],
        "documents": ["a cook"],
        "metadatas": [{"role": "cook"}],
    }
    created = {"name": "fresh", "dimension": 3, "get_or_create": True}
    assert [one for one in posts if "embed" not in one[0]] == [
        ("/collections", created),
        ("/collections/u-fresh/upsert", upserted),
        ("/collections/u-fresh/upsert", upserted),
    ]


def test_a_recording_has_the_same_id_each_time(served):
    server, target = served(COLUMNS, CHROMA)
    recording = Recording("cook?", Item("w-1", "workers"), "playbook_alice", "cook")
    for _ in range(2):
        step = target.record(recording, TRACE)
        assert (step.name, step.error) == ("playbook.record", None)
        assert [part.name for part in step.parts] == ["embed.query", "store.query"]
    sent = [r.json() for r in server.requests if r.path.endswith("/upsert")]
    id_ = str(uuid5(NAMESPACE_URL, "playbook_alice/cook?/workers/w-1"))
    named = {"ns": "playbook_alice", "answer_id": "w-1", "answer_corpus": "workers", "role": "cook"}
    assert sent == [{"ids": [id_], "embeddings": [[0.1, 1e-05, -3]], "metadatas": [named]}] * 2


def test_a_recall_gives_the_answers_of_the_role_each_once(served):
    def told(id_, corpus="workers", role="cook"):
        return {"answer_id": id_, "answer_corpus": corpus, "role": role}

    recalled = {
        "ids": [["r1", "r2", "r3", "r4"]],
        "distances": [[0.0, 0.1, 0.2, 0.3]],
        "metadatas": [[told("w-1"), told("w-2", role="nurse"), told("w-1"), told("o-1", "others")]],
    }
    answers = {**CHROMA, "POST /collections/u-memories/query": recalled}
    server, target = served(COLUMNS, answers, corpora=("workers", "others"))
    step = target.recall(msgspec.structs.replace(WITH_MEMORY, k=8), TRACE)
    assert step.error is None
    assert step.answer.hits == [Hit("w-1", "workers", 0.0), Hit("o-1", "others", 0.3)]
    assert server.requests[-1].json()["where"] == {"ns": "playbook_alice"}


LISTED = """
    [service.db]
    url = "{host}"
    [size]
    get = "/all"
    rows = ""
    name = "/index"
    size = "/docs"
    [search]
    get = "/{corpora}/_search"
    query = { q = "{text}", size = "{k}" }
    rows = "/hits"
    id = "/_id"
    score = "/_score"
    corpus = "/_index"
"""


def test_one_request_for_all_corpora_whose_hits_say_theirs():
    listed = [{"index": "workers", "docs": "12"}, {"index": "x", "docs": 3}]
    hits = [
        {"_id": "a", "_score": 2.5, "_index": "others"},
        {"_id": "b", "_score": 3, "_index": "w"},
    ]
    path = "/workers,others/_search?q=forklift%2C%20Milwaukee&size=2"
    probe = "/workers,others/_search?q=test&size=1"
    answers = {
        "GET /all": [answer(listed)],
        f"GET {path}": {"hits": hits},
        f"GET {probe}": {"hits": []},
    }
    with RawServer(Answers(answers)) as server:
        kind = toml_target("my.toml", textwrap.dedent(LISTED))
        assert kind.takes_host
        target = kind(TargetSetup(url=server.url, corpora=("workers", "others")))
        step = target.search(BOTH, TRACE)
        # A score is larger where it is closer, and the hits came unordered.
        assert step.error is None
        assert step.answer.hits == [Hit("b", "w", -3.0), Hit("a", "others", -2.5)]
        assert step.parts is None
        assert target.sizes().answer == Sizes({"workers": 12, "x": 3})
        assert target.probe().error is None
        target.close()


def test_several_corpora_in_one_answer_must_be_told_apart():
    text = textwrap.dedent(LISTED).replace('corpus = "/_index"', "")
    with pytest.raises(UsageError) as refused:
        toml_target("my.toml", text)(TargetSetup(url="http://h", corpora=("a", "b")))
    assert str(refused.value).startswith(
        "my.toml: search: found no corpus (of rows) or corpora, expe"
    )


@pytest.mark.parametrize(
    ("keys", "values", "hits", "notes"),
    [
        # By distance: of distances, and of scores whose metric is known.
        ('distance = "/v"', ([0.1, 0.4], [0.2]), ["w0 0.1", "o0 0.2", "w1 0.4"], 0),
        ('score = "/v"\nmetric = "cosine"', ([0.9, 0.6], [0.7]), ["w0 0.1", "o0 0.3", "w1 0.4"], 0),
        ('score = "/v"\nmetric = "ip"', ([9, 6], [7]), ["w0 -9.0", "o0 -7.0", "w1 -6.0"], 0),
        ('score = "/v"\nmetric = "l2"', ([0.5, 0.2], [0.25]), ["w0 1.0", "o0 3.0", "w1 4.0"], 0),
        # By rank, in turns: scores of no metric, metrics that differ, no distances at all.
        ('score = "/v"', ([9, 6], [70]), ["w0 0.0", "o0 1.0", "w1 2.0"], 1),
        ('distance = "/v"\nmetric = "none"', ([5, 6], [1]), ["w0 0.0", "o0 1.0", "w1 2.0"], 1),
        ("", ([1, 2], [0]), ["w0 0.0", "o0 1.0", "w1 2.0"], 1),
        (
            'distance = "/v"\nmetric = { workers = "l2", others = "ip" }',
            ([0.5, 0.6], [0.1]),
            ["w0 0.0", "o0 1.0", "w1 2.0"],
            1,
        ),
        (
            'score = "/v"\nmetric = { workers = "cosine", others = "cosine" }',
            ([0.5, 0.25], [0.375]),
            ["w0 0.5", "o0 0.625", "w1 0.75"],
            0,
        ),
    ],
)  # fmt: skip
def test_corpora_are_merged_by_distance_or_in_turns(served, keys, values, hits, notes):
    text = f"""
[service.db]
url = "URL"
[search]
get = "/{{corpus}}"
query = {{ q = "{{text}}" }}
rows = ""
id = "/id"
{keys}
"""
    answers = {
        f"GET /{corpus}?q={quote(BOTH.text)}": [
            answer([{"id": f"{corpus[0]}{at}", "v": value} for at, value in enumerate(of)])
        ]
        for corpus, of in zip(("workers", "others"), values, strict=True)
    }
    _, target = served(text, answers, corpora=("workers", "others"))
    step = target.search(msgspec.structs.replace(BOTH, k=8), TRACE)
    assert step.error is None
    found = [f"{hit.id} {hit.distance:.12g}" for hit in step.answer.hits]
    assert found == [one.removesuffix(".0") for one in hits]
    told = [note for note in target.notes() if "rank" in note]
    assert len(told) == notes
