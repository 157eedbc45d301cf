"""Requests beside those that are measured: ids of corpora, vectors, tasks, readiness."""

import logging

import msgspec
import pytest
from gateway_answers import TRACE
from tcp.raw_server import CLOSE, answer
from toml_files import ASKED, BOTH, CHROMA, COLUMNS, ROWS, bodies, row

from mcstress.metrics.event import Hit, Item
from mcstress.services.target import NewItem, Recording
from mcstress.services.toml.operation import document

ITEM = NewItem("f-1", "fresh", "two cooks", {"role": "cook"})
TOLD = Recording("two cooks", Item("w-1", "workers"), "playbook_alice", "cook")


def written(target, item=ITEM):
    """The names and errors of the steps that add an item."""
    return [(step.name, step.error) for step in target.add(item, TRACE)]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"key": 1}, "create fresh: /id: no such key; there are: key"),
        ({"id": [1]}, "create fresh: /id: a list where an id was due"),
        ({"id": True}, "create fresh: /id: true or false where an id was due"),
    ],
)
def test_a_corpus_whose_own_id_is_none_is_said_once_or_fails_the_step(served, caplog, made, says):
    text = COLUMNS.replace('[resolve]\n    get = "/collections/{corpus}"\n    id = "/id"\n', "")
    _, target = served(text, {**CHROMA, "POST /collections": made})
    with caplog.at_level(logging.WARNING):
        first, second = written(target), written(target)
    unresolved = "{corpus_id} of fresh: no [resolve], and it was not made"
    assert first == second == [("embed", None), ("index.add", unresolved)]
    assert caplog.messages == [f"a corpus could not be made: {says}"]


def test_an_id_that_is_resolved_must_be_one(served):
    _, target = served(COLUMNS, {**CHROMA, "GET /collections/workers": {"id": None}})
    assert target.search(ASKED, TRACE).error == "resolve workers: /id: null where an id was due"
    _, target = served(
        COLUMNS,
        {**CHROMA, "GET /collections/workers": {"id": 7}, "GET /collections/7/count": 5},
    )
    assert target.sizes().answer.corpora == {"workers": 5}


def test_a_request_may_need_the_dimension_alone(served):
    text = COLUMNS.replace('n_results = "{k}"', 'n_results = "{k}", width = "{dimension}"', 1)
    server, target = served(text, CHROMA)
    assert target.search(ASKED, TRACE).error is None
    assert server.requests[-1].json()["width"] == 3


ONE_FOR_ALL = ROWS.replace("/q/{corpus}", "/q").replace(
    'id = "/id"', 'id = "/id"\n    corpus = "/in"'
)
EMBEDDED = """
    [embed]
    post = "/embed"
    body = { t = "{text}" }
    vector = "/v"
"""


def test_one_request_for_all_corpora_may_need_a_vector(served):
    text = ONE_FOR_ALL.replace('text = "{text}"', 'v = "{vector}"') + EMBEDDED
    rows = {"results": [row("w-1", 0.2) | {"in": "workers"}, row("o-1", 0.3) | {"in": "others"}]}
    answers = {"POST /api/embed": {"v": [1, 2]}, "POST /api/q": rows}
    _, target = served(text, answers, corpora=("workers", "others"))
    step = target.search(BOTH, TRACE)
    assert step.error is None
    assert step.answer.hits == [Hit("w-1", "workers", 0.2), Hit("o-1", "others", 0.3)]
    assert [part.name for part in step.parts] == ["embed.query", "store.query"]
    # A memory that takes part without a role asks for none.
    search = msgspec.structs.replace(BOTH, memory="playbook_alice")
    assert target.search(search, TRACE).error is None
    answers["POST /api/q"] = [answer({"error": "no"}, "500 x")]
    assert target.search(BOTH, TRACE).error == "search: HTTP 500: no"


def test_an_exact_search_goes_where_the_file_says(served):
    exact = '\n    [exact]\n    get = "/exact/{k}/{text}"\n    ids = ""\n'
    said = [answer(["w-7"])]
    server, target = served(ROWS + exact, {"GET /api/exact/2/forklift%2C%20Milwaukee": said})
    step = target.exact(ASKED, TRACE)
    assert (step.error, step.answer.hits) == (None, [Hit("w-7", "workers", 0.0)])
    assert [request.method for request in server.requests] == ["GET"]


ADD = """
    [add]
    post = "/add"
    body = { rows = "{items}" }
    item = { id = "{uuid}", about = "{metadata}" }
    [record]
    post = "/told"
    body = { text = "{text}", ns = "{namespace}" }
"""


def test_an_item_of_a_template_of_its_own_goes_alone_and_several_one_by_one(served):
    taken = {"POST /api/add": {}, "POST /api/told": {}}
    server, target = served(ROWS + ADD, taken)
    assert written(target) == [("index.add", None)]
    (sent,) = bodies(server)
    assert [one["about"] for one in sent["rows"]] == [{"role": "cook"}]
    others = [NewItem(f"f-{n}", "fresh", "x", {}) for n in (2, 3)]
    assert [step.error for step in target.add_all(others, TRACE)] == [None, None]
    assert [step.error for step in target.record_all([TOLD, TOLD], TRACE)] == [None, None]
    assert [request.path for request in server.requests[1:]] == ["/api/add"] * 2 + ["/api/told"] * 2


def test_an_item_without_its_vector_is_not_sent(served):
    text = ROWS + ADD.replace('"{uuid}"', '"{uuid}", v = "{vector}"') + EMBEDDED
    server, target = served(text, {"POST /api/add": {}})
    assert written(target) == [("embed", "HTTP 404: no /api/embed")]
    assert [request.path for request in server.requests] == ["/api/embed"]


READY = """
    [ready]
    get = "/ready"
    pointer = "/state"
    value = ["green", "yellow"]
    every = 0.001
"""


def test_a_target_is_waited_for_through_whatever_it_says_meanwhile(served):
    said = iter([[answer({}, "503 x")], [CLOSE], {"status": 1}, {"state": "red"}])
    answers = {
        "GET /api/ready": lambda _: next(said, {"state": "green"}),
        "POST /api/q/workers": {"results": []},
    }
    server, target = served(ROWS + READY, answers)
    step = target.probe()
    assert (step.name, step.error) == ("search", None)
    assert [request.path for request in server.requests] == ["/api/ready"] * 5 + ["/api/q/workers"]


@pytest.mark.parametrize(
    ("said", "last"),
    [
        ({"state": "red"}, '/state is "red"'),
        ({"status": 1}, "/state: no such key; there are: status"),
        ([answer({"error": "warming up"}, "503 x")], "ready: HTTP 503: warming up"),
    ],
)
def test_a_target_that_is_never_ready_is_a_failed_probe(served, said, last):
    text = ROWS + READY + "    within = 0.02\n"
    server, target = served(text, {"GET /api/ready": said})
    step = target.probe()
    assert (step.name, step.error) == ("ready", f"ready: not within 0.02 s: {last}")
    assert {request.path for request in server.requests} == {"/api/ready"}, "nothing else is asked"


def test_where_no_corpus_is_searched_being_ready_is_all_that_is_asked(served):
    server, target = served(ROWS + READY, {"GET /api/ready": {"state": "yellow"}}, corpora=())
    step = target.probe()
    assert (step.name, step.error, step.answer) == ("probe", None, "")
    assert len(server.requests) == 1


@pytest.mark.parametrize("path", ["/q/{corpus}", "/q"])
def test_a_server_that_is_gone_is_a_failed_step_and_the_next_call_connects_anew(served, path):
    text = ROWS.replace("/q/{corpus}", path)
    said = iter([[CLOSE], {"results": []}])
    say = lambda _: next(said)  # noqa: E731
    server, target = served(text, {"POST /api/q/workers": say, "POST /api/q": say})
    step = target.search(ASKED, TRACE)
    assert step.error.endswith("connection closed without an answer")
    assert (step.answer, step.status, step.response) == (None, 0, b"")
    assert step.latency_ms > 0
    assert target.search(ASKED, TRACE).error is None
    assert server.connections == 2


def test_half_a_surrogate_pair_in_an_answer_is_read_as_a_mark(served):
    body = rb'{"results": [{"id": "w-1", "distance": 1, "payload": {"name": "a \ud83d"}}]}'
    _, target = served(ROWS, {"POST /api/q/workers": [answer(body)]})
    step = target.search(msgspec.structs.replace(ASKED, metadata=True), TRACE)
    assert (step.error, step.answer.metadata) == (None, [{"name": "a \ufffd"}])
    with pytest.raises(msgspec.DecodeError):
        document(b'{"a": ')
