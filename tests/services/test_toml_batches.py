"""Many things in one request: what goes out, to whom, and what a file may not say."""

import contextlib
import textwrap

import pytest
from gateway_answers import TRACE
from tcp.raw_server import RawServer, answer

from mcstress.errors import UsageError
from mcstress.metrics.event import Item
from mcstress.services.target import NewItem, Recording, TargetSetup
from mcstress.services.toml.target import toml_target

FILE = """
    [service.db]
    url = "URL"
    [embed]
    post = "/embed"
    body = { text = "{text}" }
    vector = "/vector"
    [search]
    post = "/q"
    body = { v = "{vector}" }
    ids = "/ids"
    [add]
    post = "/{corpus}/upsert"
    batch = 3
    body = { ids = ["{id}"], v = ["{vector}"], meta = ["{metadata}"], flags = ["a", "b"] }
    [record]
    post = "/{corpus}/upsert"
    collection = "memory_{namespace}"
    batch = 2
    [record.body]
    ids = ["{record_uuid}"]
    fields = [{ answer = "{answer_id}", role = "{role}" }]
    [recall]
    post = "/q"
    body = { v = "{vector}" }
    ids = "/ids"
"""


DONE = '\n    [add.done]\n    get = "/t"\n    pointer = ""\n    value = 1\n'


def answers(request):
    if request.path == "/embed":
        return [answer({"vector": [float(len(request.json()["text"]))]})]
    refused = "bad" in request.body.decode()
    return [answer({"error": "no"}, "500 x") if refused else answer({})]


@contextlib.contextmanager
def target_of(text=FILE):
    with RawServer(answers) as server:
        kind = toml_target("my.toml", textwrap.dedent(text).replace("URL", server.url))
        setup = TargetSetup(corpora=("workers",), timeout_s=2)
        with contextlib.closing(kind(setup).connect()) as target:
            yield server, target


def items(number):
    return [NewItem(f"w-{n}", "workers", "x" * n, {"n": n}) for n in range(1, number + 1)]


def sent(server):
    return [(one.path, one.json()) for one in server.requests if one.path != "/embed"]


def test_items_go_as_columns_as_many_as_the_file_says():
    with target_of() as (server, target):
        steps = [*target.add_all(items(5), TRACE)]
        first, second = sent(server)
    assert [(step.name, step.error) for step in steps] == [("index.add", None)] * 2
    assert first == ("/workers/upsert", {
        "ids": ["w-1", "w-2", "w-3"], "v": [[1.0], [2.0], [3.0]],
        "meta": [{"n": 1}, {"n": 2}, {"n": 3}], "flags": ["a", "b"],
    })  # fmt: skip
    assert second[1]["ids"] == ["w-4", "w-5"]
    assert target.batch == 3


def test_items_of_an_item_template_go_together_too():
    text = FILE.replace(
        'body = { ids = ["{id}"], v = ["{vector}"], meta = ["{metadata}"], flags = ["a", "b"] }',
        'item = { id = "{id}", meta = "{metadata}" }\n    body = { points = "{items}" }',
    )
    with target_of(text) as (server, target):
        assert [step.error for step in target.add_all(items(2), TRACE)] == [None]
        ((_, body),) = sent(server)
    assert body == {"points": [{"id": f"w-{n}", "meta": {"n": n}} for n in (1, 2)]}


def test_recordings_go_together_where_their_namespace_is_one():
    said = [("a", 1), ("a", 2), ("a", 3), ("b", 4)]
    recordings = [Recording(f"q{n}", Item(f"w-{n}", "c"), name, "cook") for name, n in said]
    with target_of() as (server, target):
        steps = [*target.record_all(recordings, TRACE)]
        found = sent(server)
    assert [(step.name, step.error) for step in steps] == [("playbook.record", None)] * 3
    assert [(path, [one["answer"] for one in body["fields"]]) for path, body in found] == [
        ("/memory_a/upsert", ["w-1", "w-2"]),
        ("/memory_a/upsert", ["w-3"]),
        ("/memory_b/upsert", ["w-4"]),
    ]
    ids = [id_ for _, body in found for id_ in body["ids"]]
    assert len({*ids}) == 4
    with target_of() as (server, target):
        assert target.record(recordings[0], TRACE).error is None
        assert sent(server)[0][1]["ids"] == ids[:1], "as one that is recorded alone"


def test_recordings_without_a_collection_go_to_their_answers_corpus_which_nobody_makes():
    create = '[create]\n    post = "/make"\n    body = { name = "{corpus}" }\n    [record]\n'
    text = FILE.replace('    collection = "memory_{namespace}"\n', "").replace("[record]\n", create)
    recordings = [Recording(f"q{n}", Item(f"w-{n}", "c"), "a", "cook") for n in (1, 2)]
    with target_of(text) as (server, target):
        assert [step.error for step in target.record_all(recordings, TRACE)] == [None]
        assert [path for path, _ in sent(server)] == ["/c/upsert"]


def test_a_batch_that_is_refused_is_one_failed_step():
    with target_of() as (_, target):
        (step,) = target.add_all([NewItem("bad", "workers", "x", {}), *items(1)], TRACE)
    assert step.error == "HTTP 500: no"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            next(line for line in FILE.splitlines() if "flags" in line),
            "",
            "add.batch: found 3 and no body, expected a body with lists",
        ),
        ('["{id}"]', '"{id}"', "add.body.ids: found {id} beside batch, expected it in a list of"),
        ('["{id}"]', '["{id}", "{text}"]', "add.body.ids: found {id} beside batch"),
        ("batch = 3", "batch = 0", "add.batch: found 0"),
        ("    [record]\n", DONE + "    [record]\n", "add.batch: found 3 and done, expected one of"),
        (
            next(line for line in FILE.splitlines() if "flags" in line),
            '    item = { id = "{id}" }\n    body = { points = "{items}" }' + DONE,
            "add.batch: found 3 and done, expected one of them: it is waited for one thing alone",
        ),
        # One request has one path: the others would be written where the first is.
        ('/{corpus}/upsert"\n    batch', '/{corpus}/{id}"\n    batch', "add: found {id} beside ba"),
        (
            "batch = 3",
            'query = { n = "{integer}" }\n    batch = 3',
            "add: found {integer} beside batch, expected it in the body alone, for each",
        ),
        ('["{vector}"]', '"{integer}"', "add.body.v: found {integer} beside batch"),
        (
            next(line for line in FILE.splitlines() if "flags" in line),
            '    item = { id = "{id}" }\n    body = { points = "{items}", at = "{text}" }',
            "add: found {text} beside batch",
        ),
    ],
)
def test_a_batch_that_cannot_be_made_is_refused(old, new, says):
    with pytest.raises(UsageError) as refused, target_of(FILE.replace(old, new, 1)):
        pass
    assert says in str(refused.value)
