"""The gateway's calls as Steps, against a server that answers what the test says."""

import json
import time

import gevent
import msgspec
import pytest
from tcp.raw_server import CLOSE, HOLD, RawServer, answer, routes, script
from tcp.until import until

from mcstress.services.gateway import schema as wire
from mcstress.services.gateway.client import Gateway
from mcstress.services.http.bearer_token import GATEWAY_TOKEN, authorization, token_hosts
from mcstress.services.http.transport import Transport
from mcstress.services.reading import read
from mcstress.services.surrogates import without_lone_surrogates
from mcstress.services.trace_context import TraceContext

TRACE = TraceContext("ab" * 16)
SEARCH = wire.SearchRequest(query_text="forklift, Milwaukee", corpora=["workers"], k=2)


def hit(id_, **fields):
    return {"id": id_, "corpus": "workers", "distance": 0.25, "metadata": {"role": "x"}, **fields}


def found(*hits, **fields):
    """A search's answer with ``hits``."""
    counts = {"per_corpus_counts": {"workers": len(hits)}}
    return {"results": hits, **counts, "playbook_boosted": 0, "playbook_injected": 0, **fields}


@pytest.fixture
def steps():
    return []


@pytest.fixture
def gateway_of(steps):
    """Makes the gateway of a server, whose timed steps are kept in ``steps``."""
    transports = []

    def make(server, **options):
        options = {"connect_timeout_s": 2, "timeout_s": 2, **options}
        transports.append(Transport(server.url, **options))
        return Gateway(transports[-1], steps.append)

    yield make
    for transport in transports:
        transport.close()


def test_a_search_is_a_step_with_all_that_went_over_the_wire(gateway_of, steps):
    body = found(hit("w-1", metadata={"name": "Ü"}), hit("w-2"), playbook_boosted=1)
    with RawServer(script([0.05, answer(body)])) as server:
        begin = time.time()
        step = gateway_of(server).search(SEARCH, TRACE)
        end = time.time()
        (request,) = server.requests
    assert steps == [step]
    assert (step.name, step.status, step.error) == ("matrix.search", 200, None)
    assert step.url == f"{server.url}/v1/matrix/search"
    assert [result.id for result in step.answer.results] == ["w-1", "w-2"]
    judged = wire.judged_decoder.decode(step.response).results[0]
    assert msgspec.json.decode(judged.metadata) == {"name": "Ü"}
    assert step.answer.playbook_boosted == 1
    assert begin <= step.start_s <= end
    assert 50 <= step.latency_ms <= (end - begin) * 1000
    assert (step.request, step.response) == (request.body, answer(body).partition(b"\r\n\r\n")[2])
    assert request.headers["traceparent"] == f"00-{TRACE.trace_id}-{step.span_id}-01"


def test_only_what_is_set_goes_out(gateway_of):
    full = wire.SearchRequest(
        query_text="q",
        corpora=["a", "b"],
        k=8,
        per_corpus_k=16,
        use_playbook=True,
        playbook_corpus="playbook_alice",
        playbook_top_k=3,
        playbook_max_distance=0.5,
        playbook_max_inject_distance=0.3,
        exclude_ids=["w-1"],
        query_role="warehouse worker",
    )
    with RawServer(script([answer(found())])) as server:
        gateway = gateway_of(server)
        gateway.search(SEARCH, TRACE)
        gateway.search(full, TRACE)
        bodies = [request.json() for request in server.requests]
    assert bodies[0] == {"query_text": "forklift, Milwaukee", "corpora": ["workers"], "k": 2}
    assert bodies[1] == {
        "query_text": "q",
        "corpora": ["a", "b"],
        "k": 8,
        "per_corpus_k": 16,
        "use_playbook": True,
        "playbook_corpus": "playbook_alice",
        "playbook_top_k": 3,
        "playbook_max_distance": 0.5,
        "playbook_max_inject_distance": 0.3,
        "exclude_ids": ["w-1"],
        "query_role": "warehouse worker",
    }


def test_a_gateway_may_leave_out_counts_that_are_zero(gateway_of):
    with RawServer(script([answer({"results": [hit("w-1")]})])) as server:
        step = gateway_of(server).search(SEARCH, TRACE)
    assert (step.error, [found.id for found in step.answer.results]) == (None, ["w-1"])
    assert (step.answer.playbook_boosted, step.answer.playbook_injected) == (None, None)


@pytest.mark.parametrize("fields", [{"metadata": None}, {"metadata": "x"}, {}])
def test_metadata_is_for_the_judge_alone_and_may_be_anything(gateway_of, fields):
    plain = {"id": "w-1", "corpus": "workers", "distance": 0.25, **fields}
    with RawServer(script([answer(found(plain))])) as server:
        step = gateway_of(server).search(SEARCH, TRACE)
    assert (step.error, [hit.id for hit in step.answer.results]) == (None, ["w-1"])
    judged = wire.judged_decoder.decode(step.response).results[0]
    assert msgspec.json.decode(judged.metadata) == (fields.get("metadata") or {})


NOTHING = {
    "null": {"results": None},
    "null counts": {"results": None, "per_corpus_counts": None, "playbook_boosted": None},
    "left out": {"per_corpus_counts": {"workers": 0}},
    "an empty list": {"results": [], "error": None},
}


@pytest.mark.parametrize("body", NOTHING.values(), ids=NOTHING)
def test_what_a_service_writes_for_nothing_is_nothing(gateway_of, body):
    with RawServer(script([answer(body)])) as server:
        step = gateway_of(server).search(SEARCH, TRACE)
    assert (step.error, step.answer.results) == (None, [])


def test_an_integral_float_is_an_integer_and_null_counts_are_zero(gateway_of):
    counts = {"per_corpus_counts": {"workers": 2.0, "other": None}, "playbook_boosted": 1.0}
    with RawServer(script([answer(found(hit("w-1"), **counts))])) as server:
        step = gateway_of(server).search(SEARCH, TRACE)
    assert step.error is None
    said = (step.answer.per_corpus_counts, step.answer.playbook_boosted)
    assert repr(said) == "({'workers': 2, 'other': 0}, 1)"


def test_one_number_in_two_corpora_is_two_hits(gateway_of):
    with RawServer(script([answer(found(hit("7"), hit("7", corpus="ethereal")))])) as server:
        step = gateway_of(server).search(SEARCH, TRACE)
    assert step.error is None
    assert [(one.corpus, one.id) for one in step.answer.results] == [
        ("workers", "7"),
        ("ethereal", "7"),
    ]


HALVES = [rb"\ud83d", rb"wants \ud83d", rb"\ude00 first", rb"\ud83d\ud83d\ude00", rb"\\\ud83d"]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("place", [b'"metadata": {"snippet": "%b"}', b'"%b": 1', b'"note": "%b"'])
def test_half_a_surrogate_pair_in_text_that_nobody_needs_decides_nothing(gateway_of, half, place):
    one = b'{"id": "w-1", "corpus": "workers", "distance": 0.25, %b}' % (place % half)
    with RawServer(script([answer(b'{"results": [%b]}' % one)])) as server:
        step = gateway_of(server).search(SEARCH, TRACE)
    assert (step.error, [hit.id for hit in step.answer.results]) == (None, ["w-1"])
    judged = read(wire.judged_decoder, step.response).results[0]
    assert "\\ud8" not in bytes(judged.metadata).decode().replace("\\ud83d\\ude00", "")


@pytest.mark.parametrize("note", [rb"\n\u00fc", rb"\ud83d\ude00", rb"\ud83d"])
def test_a_large_body_that_is_not_the_wires_is_given_up_at_once(note):
    body = b'{"results": 1, "note": "%b"}' % (note * (8_000_000 // len(note)))
    start = time.process_time()
    with pytest.raises(msgspec.DecodeError):
        read(wire.search_decoder, body)
    assert time.process_time() - start < 0.5


def test_whole_pairs_stay_whole():
    assert without_lone_surrogates(rb'"\ud83d\ude00 \\ud83d \ud83d"') == (
        rb'"\ud83d\ude00 \\ud83d \ufffd"'
    )


def with_distance(text):
    """A search's answer whose second hit has the distance ``text``, JSON or not."""
    return answer(json.dumps(found(hit("w-1"), hit("w-2", distance="?"))).replace('"?"', text))


GZIP = answer(b"\x1f\x8b\x08\x00", "200 OK", "Content-Encoding: gzip")
LATIN_1 = answer('{"results": [{"id": "ü"}]}'.encode("latin-1"))
DEEP = answer(b'{"results": [{"metadata":' + b"[" * 50_000 + b"]" * 50_000 + b"}]}")
HTML = answer("<html>504</html>", content_type="text/html; charset=utf-8")
CUT = answer('{"results": [')
FAULTS = {
    "500": ([answer({"error": "index  is\nlost"}, "500 x")], "HTTP 500: index is lost"),
    "an error with fields": (
        [answer({"error": {"message": "slow down", "type": "rate_limit"}}, "429 x")],
        "HTTP 429: slow down",
    ),
    "a long error": ([answer({"error": "x" * 300}, "502 x")], f"HTTP 502: {'x' * 199}…"),
    "500 in HTML": ([HTML.replace(b"200 OK", b"500 x")], "HTTP 500 (text/html)"),
    "429 with nothing": ([answer("", "429 x", content_type="")], "HTTP 429 (no content type)"),
    "redirect": ([answer("", "302 x", "Location: /")], "redirect 302 not followed"),
    "HTML": ([HTML], "200 but not JSON (text/html)"),
    "cut JSON": ([CUT], "200 but JSON cut short (application/json)"),
    "two in one": ([answer(json.dumps(found()) * 2)], "200 but not JSON (application/json)"),
    "nothing": ([answer("")], "200 but empty"),
    "204": ([b"HTTP/1.1 204 No Content\r\n\r\n"], "204 but empty"),
    "gzip": ([GZIP], "200 but gzip, which was not asked for"),
    "Latin-1": ([LATIN_1], "200 but not UTF-8 (application/json)"),
    "deep": ([DEEP], "200 but JSON nested too deep (application/json)"),
    "NaN": ([with_distance("NaN")], "200 but not JSON (application/json)"),
    "infinity": ([with_distance("1e999")], "results[].distance: number out of range"),
    "null": ([with_distance("null")], "results[].distance: expected float, got null"),
    "a word": ([with_distance('"near"')], "results[].distance: expected float, got str"),
    "a numeric id": ([answer(found(hit(7)))], "results[].id: expected str, got int"),
    "another's answer": ([answer({"hits": []})], "answer: missing field results"),
    "an error in a 200": ([answer({"error": "index not loaded"})], "HTTP 200: index not loaded"),
    "an error beside null": (
        [answer({"results": None, "error": {"message": "index not loaded"}})],
        "HTTP 200: index not loaded",
    ),
    "an error beside a list": (
        [answer(found(error="index not loaded"))],
        "HTTP 200: index not loaded",
    ),
    "a message in a 200": ([answer({"message": "try later"}, "201 x")], "HTTP 201: try later"),
    "FastAPI's detail": ([answer({"detail": "Not Found"}, "404 x")], "HTTP 404: Not Found"),
    "FastAPI's list": (
        [
            answer(
                {
                    "detail": [
                        {"loc": ["body", "k"], "msg": "value is not a valid integer", "type": "t"},
                        {"loc": ["body", "corpora", 0], "msg": "field required"},
                    ]
                },
                "422 x",
            )
        ],
        "HTTP 422: body.k: value is not a valid integer; body.corpora.0: field required",
    ),
    "RFC 9457": (
        [answer({"type": "about:blank", "title": "Busy", "detail": "try later"}, "503 x")],
        "HTTP 503: Busy: try later",
    ),
    "a title alone": ([answer({"title": "Busy"}, "503 x")], "HTTP 503: Busy"),
    "a status with a message": (
        [answer({"error": "Bad Request", "message": "k is missing", "status": 400}, "400 x")],
        "HTTP 400: Bad Request: k is missing",
    ),
    "a list of errors": ([answer({"errors": [{"message": "no"}]}, "400 x")], "HTTP 400: no"),
    "half a surrogate": (
        [answer(rb'{"error": "lost \ud83d here"}', "500 x")],
        "HTTP 500: lost \ufffd here",
    ),
    "not UTF-8": ([answer(b'{"error": "gr\xfc\xdfe"}', "500 x")], "HTTP 500: gr\ufffd\ufffde"),
    "an error that says nothing": ([answer({"error": {}}, "500 x")], "HTTP 500 (application/json)"),
    "no distance": (
        [answer(found({"id": "w", "corpus": "c"}))],
        "results[]: missing field distance",
    ),
    "nothing at all": ([answer({})], "answer: missing field results"),
    "no error, and nothing else": (
        [answer({"error": None})],
        "answer: missing field results",
    ),
    "a list": ([answer([])], "answer: expected object, got array"),
    "too many boosted": (
        [answer(found(hit("w-1"), playbook_boosted=2**53))],
        "playbook_boosted: 9007199254740992 of at most 2",
    ),
    "too many injected": (
        [answer(found(hit("w-1"), playbook_injected=3))],
        "playbook_injected: 3 of at most 2",
    ),
    "a count beyond all numbers": (
        [answer(found(playbook_boosted=2**63 - 1))],
        "playbook_boosted: expected int <= 9007199254740992",
    ),
    "a corpus's count beyond all numbers": (
        [answer(found(per_corpus_counts={"workers": 10**400}))],
        "per_corpus_counts[...]: expected int <= 9007199254740992",
    ),
    "counts": ([answer(found(playbook_boosted=-1))], "playbook_boosted: expected int >= 0"),
    "an id twice": (
        [answer(found(hit("w-1"), hit("w-1")))],
        'results: id "w-1" of corpus "workers" twice',
    ),
    "too many": ([answer(found(hit("1"), hit("2"), hit("3")))], "results: 3 of at most 2"),
    "closed": ([CLOSE], "connection closed without an answer"),
    "cut": ([answer(b"{}" * 150)[:-180], CLOSE], "body cut short: 120 of 300 bytes"),
    "silence": ([HOLD], "time-out after 0.3 s"),
}


@pytest.mark.parametrize(("acts", "reason"), FAULTS.values(), ids=FAULTS)
def test_whatever_is_not_the_wires_is_a_failed_step(acts, reason, gateway_of, steps):
    with RawServer(script(acts, [answer(found(hit("w-1")))])) as server:
        gateway = gateway_of(server, timeout_s=0.3)
        bad, good = gateway.search(SEARCH, TRACE), gateway.search(SEARCH, TRACE)
    assert steps == [bad, good]
    assert bad.answer is None
    assert bad.error == reason
    assert bad.latency_ms > 0
    assert good.error is None


@pytest.mark.parametrize("label", ["text/plain; charset=utf-8", "text/html", ""])
def test_json_is_an_answer_whatever_its_label(label, gateway_of):
    with RawServer(script([answer(found(hit("w-1")), content_type=label)])) as server:
        assert gateway_of(server).search(SEARCH, TRACE).error is None


def test_a_gateway_may_count_what_it_boosted_before_the_cut(gateway_of):
    request = msgspec.structs.replace(SEARCH, use_playbook=True, playbook_top_k=3)
    with RawServer(script([answer(found(hit("w-1"), playbook_boosted=3))])) as server:
        assert gateway_of(server).search(request, TRACE).error is None


def test_a_kill_goes_through_and_is_no_step(gateway_of, steps):
    with RawServer(script([HOLD])) as server:
        caller = gevent.spawn(gateway_of(server).search, SEARCH, TRACE)
        until(lambda: server.requests)
        caller.kill()
    assert isinstance(caller.value, gevent.GreenletExit)
    assert steps == []


def test_every_call_has_its_name_path_and_body(gateway_of, steps):
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
    assert steps == made
    assert [step.error for step in steps] == [None] * 4
    assert [
        (step.name, request.json()) for step, request in zip(steps, server.requests, strict=True)
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
def test_an_index_that_is_there_already_is_as_good_as_a_new_one(reply, error, gateway_of, steps):
    with RawServer(script([reply])) as server:
        step = gateway_of(server).create_index(wire.CreateIndexRequest("fresh", 4))
        assert server.requests[0].json() == {"name": "fresh", "dimension": 4}
    assert step.error == error
    assert steps == []


def test_corpora_and_health_are_untimed(gateway_of, steps):
    answers = routes(
        health={"status": "ok"}, v1_matrix_corpora={"corpora": [{"name": "workers", "size": 5000}]}
    )
    with RawServer(answers) as server:
        gateway = gateway_of(server)
        assert gateway.health().error is None
        assert gateway.corpora().answer.sizes() == {"workers": 5000}
        assert [request.method for request in server.requests] == ["GET", "GET"]
    assert steps == []


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
