"""A target's file that updates, deletes and forgets, and says what became of a recording."""

from uuid import NAMESPACE_URL, uuid5

import pytest
from gateway_answers import TRACE
from tcp.raw_server import answer
from toml_files import CHROMA, COLUMNS, ROWS

from mcstress.errors import UsageError
from mcstress.metrics.event import Item
from mcstress.services.target import NewItem, Recording, Search
from mcstress.services.toml.plan import Plan

ITEM = NewItem("f-1", "workers", "two cooks", {"role": "cook"})
TOLD = Recording("two cooks", Item("w-1", "workers"), "playbook_alice", "cook")
UUIDS = [
    str(uuid5(NAMESPACE_URL, name))
    for name in ("workers/f-1", "playbook_alice/two cooks/workers/w-1")
]
INTEGERS = [int(one.replace("-", ""), 16) % 2**53 for one in UUIDS]
CHANGES = """
    [update]
    put = "/items/{uuid}"
    body = { n = "{integer}", v = "{vector}", about = "{metadata}" }
    [delete]
    delete = "/collections/{corpus_id}/items/{integer}"
    [record.forget]
    post = "/collections/{corpus_id}/delete"
    body = { ids = ["{record_uuid}", "{record_integer}"], of = "{answer_id}" }
"""


@pytest.fixture
def changing(served):
    def make(**answers):
        known = {
            f"PUT /items/{UUIDS[0]}": {},
            f"DELETE /collections/u-workers/items/{INTEGERS[0]}": {},
            "GET /collections/memories": {"id": "u-memories"},
            "POST /collections/u-memories/delete": {},
        }
        return served(COLUMNS + CHANGES, CHROMA | known | answers)

    return make


def test_an_item_is_updated_after_its_text_was_embedded(changing):
    server, target = changing()
    assert [(one.name, one.error) for one in target.update(ITEM, TRACE)] == [
        ("embed", None),
        ("index.update", None),
    ]
    body = {"n": INTEGERS[0], "v": [0.1, 1e-05, -3], "about": {"role": "cook"}}
    assert server.requests[-1].json() == body


def test_a_step_has_the_method_of_its_last_request(changing):
    _, target = changing()
    embed, update = target.update(ITEM, TRACE)
    assert (embed.method, update.method) == ("POST", "PUT")
    assert target.delete(ITEM, TRACE).method == "DELETE"
    step = target.search(Search("two cooks", ["workers"], 2), TRACE)
    assert (step.method, [part.method for part in step.parts]) == ("POST", ["POST", "POST"])


def test_an_item_is_deleted_by_an_id_of_the_systems_kind(changing):
    server, target = changing()
    step = target.delete(ITEM, TRACE)
    assert (step.name, step.error, step.status) == ("index.delete", None, 200)
    assert server.requests[-1].method == "DELETE"
    assert server.requests[-1].body == b""


def test_a_recording_is_forgotten_in_the_collection_it_went_to(changing):
    server, target = changing()
    step = target.forget(TOLD, TRACE)
    assert (step.name, step.error) == ("playbook.forget", None)
    assert server.requests[-1].json() == {"ids": [UUIDS[1], INTEGERS[1]], "of": "w-1"}


def test_what_is_refused_is_a_failed_step_that_names_why(changing):
    server, target = changing(**{f"DELETE /collections/u-workers/items/{INTEGERS[0]}": None})
    step = target.delete(ITEM, TRACE)
    assert step.error.startswith("HTTP 404: no /collections/u-workers/items/")
    assert [one.method for one in server.requests] == ["GET", "DELETE"]
    unknown = NewItem("f-1", "gone", "two cooks", {})
    assert target.delete(unknown, TRACE).error == "resolve gone: HTTP 404: no /collections/gone"


BECAME = """
    [record]
    post = "/told"
    body = { text = "{text}", ns = "{namespace}" }
    became = "/results/0/event"
    merged = ["UPDATE"]
    dropped = ["NONE"]
"""
DONE = """
    [record.done]
    get = "/status"
    pointer = "/status"
    value = "SUCCEEDED"
    every = 0.001
"""


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        ({"results": [{"event": "ADD"}]}, "kept"),
        ({"results": [{"event": "UPDATE"}, {"event": "ADD"}]}, "merged"),
        ({"results": [{"event": "NONE"}]}, "dropped"),
        ({"results": []}, "dropped"),
        ({"results": [{"event": 7}]}, "kept"),
    ],
)
@pytest.mark.parametrize("later", [False, True])
def test_what_became_of_a_recording_is_its_steps_answer(served, answer, fate, later):
    first = {"status": "PENDING"} if later else answer
    answers = {"POST /api/told": first, "GET /api/status": {"status": "SUCCEEDED", **answer}}
    _, target = served(ROWS + BECAME + DONE * later, answers)
    step = target.record(TOLD, TRACE)
    assert (step.error, step.answer) == (None, fate)


def test_of_a_recording_that_is_refused_as_known_nothing_is_said(served):
    """The memory said neither that it kept nor that it dropped it, and nothing is waited for."""
    known = {"POST /api/told": [answer({"error": "it is there"}, "409 Conflict")]}
    for rest in (BECAME, PENDING):
        server, target = served(ROWS + rest.replace("ns = ", "n = ", 1).replace(
            'post = "/told"', 'post = "/told"\n    ok = [409]'), known)  # fmt: skip
        step = target.record(TOLD, TRACE)
        assert (step.error, step.answer, step.status) == (None, None, 409)
        assert [request.path for request in server.requests] == ["/api/told"]


PENDING = """
    [record]
    post = "/told"
    body = { text = "{text}", ns = "{namespace}" }
    task = "/task"
    [record.done]
    get = "/status/{task}"
    pointer = "/status"
    value = ["DONE", "SKIPPED"]
    every = 0.01
    within = 1
"""


def test_a_write_that_is_answered_before_it_is_done_ends_with_the_answer(served):
    """What follows until it is done is a part of the step, and in no time of its."""
    said = iter(["PENDING", "PENDING", "DONE"])
    answers = {"POST /api/told": {"task": "t 7"}}
    answers["GET /api/status/t%207"] = lambda _: {"status": next(said)}
    _, target = served(ROWS + PENDING, answers)
    step = target.record(TOLD, TRACE)
    assert step.error is None
    assert [*said] == [], "whoever is told of it is told when it is done"
    (waited,) = step.parts
    assert waited.name == "record.time_to_done"
    assert waited.error is None
    assert step.start_s + step.latency_ms / 1000 <= waited.start_s + 0.001
    assert waited.latency_ms >= 20, "it was asked again twice, 10 ms apart"


def test_a_write_that_is_never_done_is_a_failed_step(served):
    answers = {"POST /api/told": {"task": 7}, "GET /api/status/7": {"status": "PENDING"}}
    _, target = served(ROWS + PENDING.replace("within = 1", "within = 0.05"), answers)
    step = target.record(TOLD, TRACE)
    assert "record.done: " in step.error, step.error
    assert step.parts[-1].error == step.error


def test_the_pointer_and_its_words_come_together():
    text = ROWS.replace("URL", "http://127.0.0.1:9") + BECAME
    for gone in ('became = "/results/0/event"\n', 'merged = ["UPDATE"]\n    dropped = ["NONE"]\n'):
        with pytest.raises(UsageError, match="record: found one of became and its words, expected"):
            Plan("my.toml", text.replace(gone, ""))
