"""Searches of a gateway that answers what the test says."""

import time

import gevent
import msgspec
import pytest
from gateway_answers import SEARCH, TRACE, found, hit
from tcp.raw_server import HOLD, RawServer, answer, script
from tcp.until import until

from mcstress.services.error_words import without_lone_surrogates
from mcstress.services.gateway import schema as wire
from mcstress.services.lenient_decoding import read


def test_a_search_is_a_step_with_all_that_went_over_the_wire(gateway_of):
    body = found(hit("w-1", metadata={"name": "Ü"}), hit("w-2"), playbook_boosted=1)
    with RawServer(script([0.05, answer(body)])) as server:
        begin = time.time()
        step = gateway_of(server).search(SEARCH, TRACE)
        end = time.time()
        (request,) = server.requests
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


@pytest.mark.parametrize("label", ["text/plain; charset=utf-8", "text/html", ""])
def test_json_is_an_answer_whatever_its_label(label, gateway_of):
    with RawServer(script([answer(found(hit("w-1")), content_type=label)])) as server:
        assert gateway_of(server).search(SEARCH, TRACE).error is None


def test_a_gateway_may_count_what_it_boosted_before_the_cut(gateway_of):
    request = msgspec.structs.replace(SEARCH, use_playbook=True, playbook_top_k=3)
    with RawServer(script([answer(found(hit("w-1"), playbook_boosted=3))])) as server:
        assert gateway_of(server).search(request, TRACE).error is None


def test_a_kill_goes_through_and_is_no_step(gateway_of):
    with RawServer(script([HOLD])) as server:
        caller = gevent.spawn(gateway_of(server).search, SEARCH, TRACE)
        until(lambda: server.requests)
        caller.kill()
    assert isinstance(caller.value, gevent.GreenletExit)
