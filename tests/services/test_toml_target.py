"""A target by a TOML file: its requests as they go out, and what its answers become."""

import contextlib
import json
import textwrap
from uuid import NAMESPACE_URL, uuid5

import gevent
import msgspec
import pytest
from gateway_answers import TRACE
from tcp.raw_server import HOLD, RawServer, answer

from mcstress.errors import UsageError
from mcstress.metrics.event import Hit, Item
from mcstress.services.step import cut_step
from mcstress.services.target import (
    Found,
    Message,
    NewItem,
    Recording,
    Search,
    Sizes,
    TargetSetup,
)
from mcstress.services.toml.secrets import Allowed
from mcstress.services.toml.target import toml_target

ASKED = Search("forklift, Milwaukee", ["workers"], 2)
BOTH = msgspec.structs.replace(ASKED, corpora=["workers", "others"])
WITH_MEMORY = msgspec.structs.replace(BOTH, memory="playbook_alice", role="cook")


class Answers:
    """Answers by method and path: JSON, a list of acts, or what a function gives for a request.

    What is not there is a 404.
    """

    def __init__(self, answers):
        self.answers = answers

    def __call__(self, request):
        found = self.answers.get(f"{request.method} {request.path}")
        if callable(found):
            found = found(request)
        if found is None:
            return [answer({"error": f"no {request.path}"}, "404 Not Found")]
        return found if isinstance(found, list) else [answer(found)]


@pytest.fixture
def served():
    """Makes a server of ``answers`` and the target of a file, as one coordinator has it."""
    with contextlib.ExitStack() as stack:

        def make(text, answers, **setup):
            server = stack.enter_context(RawServer(Answers(answers)))
            text = textwrap.dedent(text).replace("URL", server.url)
            setup = {"corpora": ("workers",), "timeout_s": 2, "file": "my.toml", **setup}
            target = toml_target("my.toml", text)(TargetSetup(text=text, **setup))
            return server, stack.enter_context(contextlib.closing(target.connect()))

        yield make


def bodies(server):
    return [request.json() for request in server.requests]


ROWS = """
    [service.db]
    url = "URL/api"
    [search]
    post = "/q/{corpus}"
    body = { text = "{text}", limit = "{k}", filter = { ns = "{namespace}", role = "{role}" } }
    rows = "/results"
    id = "/id"
    distance = "/distance"
    metadata = "/payload"
"""


def row(id_, distance, **payload):
    return {"id": id_, "distance": distance, "payload": payload}


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


COLUMNS = """
    [service.db]
    url = "URL"
    [service.embedder]
    url = "URL/embedder"
    [embed]
    service = "embedder"
    post = "/embed"
    body = { texts = ["{text}"] }
    vector = "/vectors/0"
    [resolve]
    get = "/collections/{corpus}"
    id = "/id"
    [size]
    get = "/collections/{corpus_id}/count"
    size = ""
    [search]
    post = "/collections/{corpus_id}/query"
    body = { query_embeddings = ["{vector}"], n_results = "{k}", not = "{exclude_ids}" }
    ids = "/ids/0"
    distances = "/distances/0"
    metadata = "/metadatas/0"
    [add]
    post = "/collections/{corpus_id}/upsert"
    body = { ids = ["{id}"], embeddings = ["{vector}"], documents = ["{text}"], metadatas = ["{metadata}"] }
    ok = [409]
    [record]
    collection = "memories"
    post = "/collections/{corpus_id}/upsert"
    body = { ids = ["{record_uuid}"], embeddings = ["{vector}"], metadatas = [{ ns = "{namespace}", answer_id = "{answer_id}", answer_corpus = "{answer_corpus}", role = "{role}" }] }
    [recall]
    collection = "memories"
    post = "/collections/{corpus_id}/query"
    body = { query_embeddings = ["{vector}"], n_results = "{k}", where = { ns = "{namespace}" } }
    ids = "/ids/0"
    distances = "/distances/0"
    metadata = "/metadatas/0"
    answer_id = "/answer_id"
    answer_corpus = "/answer_corpus"
    where_role = "/role"
    [create]
    post = "/collections"
    body = { name = "{corpus}", dimension = "{dimension}", get_or_create = true }
    id = "/id"
"""  # noqa: E501
CHROMA = {
    "POST /embedder/embed": {"vectors": [[0.1, 1e-05, -3]]},
    "GET /collections/workers": {"id": "u-workers"},
    "GET /collections/others": {"id": "u-others"},
    "POST /collections/u-workers/query": {
        "ids": [["w-1", "w-2"]], "distances": [[0.2, 0.5]], "metadatas": [[{"a": 1}, None]],
    },
    "POST /collections/u-others/query": {
        "ids": [["w-1", "o-9"]], "distances": [[0.4, 0.1]], "metadatas": [[{"b": 2}, {"c": 3}]],
    },
    "GET /collections/u-workers/count": 5000,
    "GET /collections/u-others/count": 10000,
    "POST /collections": lambda request: {"id": f"u-{request.json()['name']}"},
    "POST /collections/u-fresh/upsert": {},
    "POST /collections/u-memories/upsert": {},
}  # fmt: skip


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
        assert both.wait(5)
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
rows = ""
id = "/id"
{keys}
"""
    answers = {
        f"GET /{corpus}": [
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


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"error": "disk full"}, "/results: no such key; there are: error (error: disk full)"),
        ({"results": {"a": 1}}, "/results: an object where a list was due"),
        ({"results": [{"id": 1}]}, "/distance: no such key; there are: id"),
        ({"results": [row(None, 1)]}, "/id: null where an id was due"),
        ({"results": [row(True, 1)]}, "/id: true or false where an id was due"),
        ({"results": [row("a", "1")]}, "/distance: a text where a distance or score was due"),
        ({"results": [row("a", None)]}, "/distance: null where a distance or score was due"),
        ({"results": [row("a", 1), row("a", 2)]}, 'results: id "a" of corpus "workers" twice'),
        ({"results": [row(id_, 1) for id_ in "abc"]}, "answer: 3 hits of at most 2"),
        ([answer("<html>", content_type="text/html")], "200 but not JSON (text/html)"),
        ([answer("")], "200 but empty"),
        ([answer({"detail": "no"}, "422 Unprocessable")], "HTTP 422: no"),
        ([answer({}, "302 Found", "Location: /x")], "redirect 302 not followed"),
    ],
)
def test_what_is_wrong_with_an_answer_fails_the_step(served, said, error):
    _, target = served(ROWS, {"POST /api/q/workers": said})
    step = target.search(ASKED, TRACE)
    assert (step.error.removeprefix("search workers: "), step.answer) == (error, None)


def test_a_failed_step_names_its_request(served):
    _, target = served(
        ROWS, {"POST /api/q/workers": {"results": []}}, corpora=("workers", "others")
    )
    step = target.search(BOTH, TRACE)
    assert step.error == "search others: HTTP 404: no /api/q/others"
    assert [part.error is None for part in step.parts] == [True, False]
    _, target = served(COLUMNS, {**CHROMA, "POST /embedder/embed": {"vectors": []}})
    step = target.search(ASKED, TRACE)
    assert step.error == "embed: /vectors/0: no such place in /vectors; the list has 0"
    _, target = served(COLUMNS, {**CHROMA, "GET /collections/workers": None})
    step = target.search(ASKED, TRACE)
    assert step.error == "resolve workers: HTTP 404: no /collections/workers"
    _, target = served(COLUMNS, {**CHROMA, "POST /collections/u-fresh/upsert": None})
    *_, step = target.add(NewItem("f", "fresh", "t", {}), TRACE)
    assert (step.name, step.error) == ("index.add", "HTTP 404: no /collections/u-fresh/upsert")


def test_a_status_that_the_file_calls_ok_is_no_error(served):
    taken = [answer({"error": "there already"}, "409 Conflict")]
    _, target = served(COLUMNS, {**CHROMA, "POST /collections/u-fresh/upsert": taken})
    *_, step = target.add(NewItem("f", "fresh", "t", {}), TRACE)
    assert (step.error, step.status) == (None, 409)


@pytest.mark.parametrize(("key", "asked"), [("", 4), ("cache = true", 1)])
def test_vectors_that_are_kept_are_asked_for_once_and_not_measured(served, key, asked):
    text = COLUMNS.replace('vector = "/vectors/0"', f'vector = "/vectors/0"\n    {key}')
    server, target = served(text, CHROMA)
    with contextlib.closing(target.connect()) as another:
        for of in (target, another, target, another):
            step = of.search(ASKED, TRACE)
            names = [part.name for part in step.parts or [step]]
            assert names == (["matrix.search"] if key else ["embed.query", "store.query"])
    assert sum(r.path == "/embedder/embed" for r in server.requests) == asked
    assert bool(target.notes()) == bool(key)


def test_vectors_of_our_own_need_no_embedder(served):
    text = ROWS.replace("text = ", 'v = "{vector}", text = ') + "[embed]\nbuiltin = true\n"
    server, target = served(text, {"POST /api/q/workers": {"results": []}}, seed=42)
    step = target.search(ASKED, TRACE)
    vector = bodies(server)[0]["v"]
    assert (step.name, step.error, len(vector)) == ("matrix.search", None, 256)
    assert sum(number * number for number in vector) == pytest.approx(1, abs=1e-5)
    assert "the harness's own" in target.notes()[0]


def test_a_search_over_a_new_connection_leaves_the_ones_before(served):
    server, target = served(ROWS, {"POST /api/q/workers": {"results": []}})
    for new in (False, False, True):
        target.search(msgspec.structs.replace(ASKED, new_connection=new), TRACE)
    assert (len(server.requests), server.connections) == (3, 2)


def test_a_search_that_the_end_of_the_run_cuts_is_known(served):
    answers = {"POST /api/q/workers": {"results": []}, "POST /api/q/others": [HOLD]}
    server, target = served(ROWS, answers, corpora=("workers", "others"))
    greenlet = gevent.spawn(target.search, BOTH, TRACE)
    while len(server.requests) < 2:
        gevent.sleep(0.01)
    cut = []

    def kill():
        try:
            target.search(BOTH, TRACE)
        except gevent.GreenletExit as end:
            cut.append(cut_step(end))

    other = gevent.spawn(kill)
    while len(server.requests) < 4:
        gevent.sleep(0.01)
    gevent.killall([greenlet, other])
    assert [(step.name, step.cut) for step in cut] == [("matrix.search", True)]


MESSAGES = """
    [service.db]
    url = "URL"
    headers = { "X-Api-Version" = "2" }
    [search]
    get = "/s/{corpus}"
    rows = ""
    id = "/id"
    [inbox]
    put = "/inbox"
    lines = [{ type = "{type}" }, { from = "{sender}", t = "{subject}: {body}", p = "{priority}" }]
"""


def test_a_message_goes_out_as_lines(served):
    server, target = served(MESSAGES, {"PUT /inbox": {"ok": True}})
    step = target.inbox(Message("email", "ann", "Two cooks", "For Monday"), TRACE)
    assert (step.name, step.error) == ("observerd.inbox.record", None)
    (request,) = server.requests
    lines = [json.loads(line) for line in request.body.decode().splitlines()]
    assert lines == [{"type": "email"}, {"from": "ann", "t": "Two cooks: For Monday"}]
    assert request.headers["content-type"] == "application/x-ndjson"
    assert request.headers["x-api-version"] == "2"


TOKEN = "t0p-secret-token"
SECURED = """
    [service.db]
    url = "URL"
    token = "TARGET_DB_TOKEN"
    header = "X-Token"
    scheme = ""
    [service.other]
    url = "URL/other"
    [embed]
    service = "other"
    post = "/embed"
    body = { t = "{text}" }
    vector = ""
    [search]
    post = "/q/{corpus}"
    body = { v = "{vector}" }
    rows = ""
    id = "/id"
"""


def test_a_token_goes_to_its_own_service_alone_and_is_never_shown(served, monkeypatch):
    monkeypatch.setenv("TARGET_DB_TOKEN", TOKEN)
    said = [answer({"error": f"bad token {TOKEN}"}, "403 Forbidden")]
    server, target = served(
        SECURED, {"POST /other/embed": [answer([1, 2])], "POST /q/workers": said}
    )
    step = target.search(ASKED, TRACE)
    sent = {request.path: request.headers.get("x-token") for request in server.requests}
    assert sent == {"/other/embed": None, "/q/workers": TOKEN}
    assert step.error == "search workers: HTTP 403: bad token [token]"
    assert TOKEN.encode() not in msgspec.json.encode(step)


def test_user_and_password_are_basic_authentication(served, monkeypatch):
    monkeypatch.setenv("TARGET_DB_PASSWORD", "op en")
    text = ROWS.replace('/api"', '/api"\n    user = "admin"\n    password = "TARGET_DB_PASSWORD"')
    with pytest.raises(UsageError, match=r"service\.db\.password: TARGET_DB_PASSWORD holds"):
        served(text, {})
    monkeypatch.setenv("TARGET_DB_PASSWORD", "open-sesame")
    server, target = served(text, {"POST /api/q/workers": {"results": []}})
    assert target.search(ASKED, TRACE).error is None
    assert server.requests[0].headers["authorization"] == "Basic YWRtaW46b3Blbi1zZXNhbWU="


def test_a_tokens_file_is_read_again_once_after_a_401(served, tmp_path):
    file = tmp_path / "token"
    file.write_text("first-token\n")
    good = {"first-token"}

    def guarded(request):
        token = request.headers["authorization"].removeprefix("Bearer ")
        return {"results": []} if token in good else [answer({}, "401 Unauthorized")]

    text = ROWS.replace('/api"', f'/api"\n    token_file = "{file}"')
    server, target = served(text, {"POST /api/q/workers": guarded})
    other = target.connect()
    assert target.search(ASKED, TRACE).error is None
    assert other.search(ASKED, TRACE).error is None
    good = {"second-token"}
    assert target.search(ASKED, TRACE).status == 401
    file.write_text("second-token\n")
    requests = len(server.requests)
    assert target.search(ASKED, TRACE).error is None
    assert len(server.requests) == requests + 2
    # The other coordinator's connections still have the first one.
    assert other.search(ASKED, TRACE).error is None
    assert other.search(ASKED, TRACE).error is None
    assert len(server.requests) == requests + 5
    other.close()


@pytest.mark.parametrize(
    ("variable", "value", "allowed", "says"),
    [
        (
            "TARGET_DB_TOKEN",
            None,
            (),
            "service.db.token: found no environment variable TARGET_DB_TO",
        ),
        (
            "DB_TOKEN",
            "x",
            (),
            "service.db.token: found DB_TOKEN, expected a variable that begins with",
        ),
        ("DB_TOKEN", "x", (), "or --target-token DB_TOKEN@http://127.0.0.1:9"),
        (
            "DB_TOKEN",
            "x",
            (Allowed("DB_TOKEN", "http://127.0.0.1:8"),),
            "found DB_TOKEN, expected a",
        ),
        ("DB_TOKEN", "x", (Allowed("DB_TOKEN", "http://127.0.0.1:9"),), None),
        (
            "GATEWAY_TOKEN",
            "x",
            (),
            "found GATEWAY_TOKEN, expected a variable that begins with TARGET_",
        ),
        (
            "TARGET_DB_TOKEN",
            "a b",
            (),
            "service.db.token: TARGET_DB_TOKEN holds characters that no",
        ),
        ("sk-12345", None, (), "found a value that is no variable's name (not shown: it may be a"),
    ],
)
def test_which_variables_a_file_may_name(monkeypatch, variable, value, allowed, says):
    if value is not None:
        monkeypatch.setenv(variable, value)
    text = textwrap.dedent(ROWS).replace(
        'URL/api"', f'http://127.0.0.1:9/api"\ntoken = "{variable}"'
    )
    setup = TargetSetup(tokens=allowed)
    if says is None:
        toml_target("my.toml", text)(setup).close()
        return
    with pytest.raises(UsageError) as refused:
        toml_target("my.toml", text)(setup)
    assert says in str(refused.value)
    assert "sk-12345" not in str(refused.value)
