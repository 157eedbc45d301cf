"""Answers to a search that are none: each is a failed step, and its reason says why."""

import json

import pytest
from gateway_answers import SEARCH, TRACE, found, hit
from tcp.raw_server import CLOSE, HOLD, RawServer, answer, script


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
def test_whatever_is_not_the_wires_is_a_failed_step(acts, reason, gateway_of):
    with RawServer(script(acts, [answer(found(hit("w-1")))])) as server:
        gateway = gateway_of(server, timeout_s=0.3)
        bad, good = gateway.search(SEARCH, TRACE), gateway.search(SEARCH, TRACE)
    assert bad.answer is None
    assert bad.error == reason
    assert bad.latency_ms > 0
    assert good.error is None
