"""The gateway's other calls as Steps, against a server that answers what the test says."""

import pytest
from gateway_answers import SEARCH, TRACE
from tcp.raw_server import RawServer, answer, routes, script

from mcstress.services.gateway import schema as wire
from mcstress.services.http.bearer_token import GATEWAY_TOKEN, authorization, token_hosts


def test_every_call_has_its_name_path_and_body(gateway_of):
    item = wire.IndexItem(id="f-1", vector=[0.5, 0.25], metadata={"role": "x"})
    answers = routes(
        v1_matrix_playbooks_record={"playbook_id": "p-1"},
        v1_observer_inbox={"id": "m-1"},
        v1_embed={"vectors": [[1.0, 2]], "dimension": 2},
        **{"v1_vectors_index_fresh%2F%C3%BC_add": {"added": 1}},
    )
    with RawServer(answers) as server:
        gateway = gateway_of(server)
        record = wire.RecordRequest(
            query_text="q", answer_id="w-1", answer_corpus="workers", score=1.0, corpus="playbook_a"
        )
        message = wire.InboxRequest(type="sms", sender="a", subject="b", body="c", priority="low")
        made = [
            gateway.record(record, TRACE),
            gateway.inbox(message, TRACE),
            gateway.embed(wire.EmbedRequest(["t"]), TRACE),
            gateway.index_add("fresh/ü", wire.IndexAddRequest([item]), TRACE),
        ]
    assert [step.error for step in made] == [None] * 4
    assert [
        (step.name, request.json()) for step, request in zip(made, server.requests, strict=True)
    ] == [
        (
            "playbook.record",
            {
                "query_text": "q",
                "answer_id": "w-1",
                "answer_corpus": "workers",
                "score": 1.0,
                "corpus": "playbook_a",
            },
        ),
        (
            "observerd.inbox.record",
            {"type": "sms", "sender": "a", "subject": "b", "body": "c", "priority": "low"},
        ),
        ("embed", {"texts": ["t"]}),
        (
            "index.add",
            {"items": [{"id": "f-1", "vector": [0.5, 0.25], "metadata": {"role": "x"}}]},
        ),
    ]
    assert made[2].answer == wire.EmbedAnswer([[1.0, 2.0]], 2)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"vectors": [[1, 2]], "dimension": 2}, "vectors: 1 for 2 texts"),
        ({"vectors": [[1, 2], [1]], "dimension": 2}, "vectors: 1 numbers where dimension is 2"),
        ({"vectors": [[1, 2], [1, None]], "dimension": 2}, "vectors[][]: expected float, got null"),
        ({"vectors": [[1, 2], [1]]}, "vectors: 1 numbers where dimension is 2"),
        ({"vectors": None, "dimension": 2}, "vectors: 0 for 2 texts"),
    ],
)
def test_vectors_that_do_not_fit_are_a_failed_step(body, reason, gateway_of):
    with RawServer(script([answer(body)])) as server:
        step = gateway_of(server).embed(wire.EmbedRequest(["a", "b"]), TRACE)
    assert (step.error, step.answer) == (reason, None)


@pytest.mark.parametrize("said", [{"dimension": 2}, {"dimension": 2.0}, {"dimension": None}, {}])
def test_vectors_have_the_dimension_that_they_have(said, gateway_of):
    with RawServer(script([answer({"vectors": [[1, 2], [3, 4]], **said})])) as server:
        step = gateway_of(server).embed(wire.EmbedRequest(["a", "b"]), TRACE)
    assert (step.error, step.answer.vectors) == (None, [[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize("status", ["200 OK", "201 Created"])
def test_200_and_201_are_both_success_where_something_is_made(status, gateway_of):
    item = wire.IndexItem(id="a", vector=[1.0], metadata={})
    answers = [{"added": 1.0}, {"id": "m-1"}, {"playbook_id": "p-1"}]
    message = wire.InboxRequest(type="sms", sender="a", subject="b", body="c")
    record = wire.RecordRequest(
        query_text="q", answer_id="w", answer_corpus="c", score=1.0, corpus="p"
    )
    with RawServer(script(*([answer(one, status)] for one in answers))) as server:
        gateway = gateway_of(server)
        made = [
            gateway.index_add("f", wire.IndexAddRequest([item]), TRACE),
            gateway.inbox(message, TRACE),
            gateway.record(record, TRACE),
        ]
    assert [step.error for step in made] == [None] * 3


def test_an_index_that_takes_less_than_it_was_given_is_a_failed_step(gateway_of):
    items = [wire.IndexItem(id=id_, vector=[1.0], metadata={}) for id_ in "ab"]
    with RawServer(script([answer({"added": 1})])) as server:
        step = gateway_of(server).index_add("fresh", wire.IndexAddRequest(items), TRACE)
    assert step.error == "added: 1 of 2 items"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer({}, "201 Created"), None),
        (answer("", "201 Created"), None),
        (answer({"error": "there"}, "409 Conflict"), None),
        (answer({"error": None}), None),
        (answer({"error": "disk full"}), "HTTP 200: disk full"),
        (answer({"error": "bad dimension"}, "400 x"), "HTTP 400: bad dimension"),
    ],
)
def test_an_index_that_is_there_already_is_as_good_as_a_new_one(reply, error, gateway_of):
    with RawServer(script([reply])) as server:
        step = gateway_of(server).create_index(wire.CreateIndexRequest("fresh", 4))
        assert server.requests[0].json() == {"name": "fresh", "dimension": 4}
    assert step.error == error


def test_corpora_and_health_are_untimed(gateway_of):
    answers = routes(
        health={"status": "ok"}, v1_matrix_corpora={"corpora": [{"name": "workers", "size": 5000}]}
    )
    with RawServer(answers) as server:
        gateway = gateway_of(server)
        assert gateway.health().error is None
        assert gateway.corpora().answer.sizes() == {"workers": 5000}
        assert [request.method for request in server.requests] == ["GET", "GET"]


def test_health_that_is_not_ok_says_what_it_is(gateway_of):
    with RawServer(routes(health={"status": "degraded"})) as server:
        assert gateway_of(server).health().error == 'status "degraded" where "ok" was due'


def test_a_token_goes_out_and_is_shown_nowhere(gateway_of, monkeypatch):
    monkeypatch.setenv(GATEWAY_TOKEN, "sesame-1234")

    def refuse(request):
        return [answer({"error": f"unknown {request.headers['authorization']}"}, "401 x")]

    with RawServer(refuse) as server:
        hosts = token_hosts(server.url, None)
        headers = authorization(GATEWAY_TOKEN, server.url, hosts)
        gateway = gateway_of(server, headers=headers)
        step = gateway.search(SEARCH, TRACE)
        assert server.requests[0].headers["authorization"] == "Bearer sesame-1234"
    assert step.error == "HTTP 401: unknown Bearer [token]"
    assert "sesame" not in repr(step)
