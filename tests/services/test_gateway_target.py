"""The gateway as a target: its vector indices are made once, and metadata is read once."""

import contextlib
import logging

import msgspec
import pytest
from gateway_answers import TRACE, found, hit
from tcp.raw_server import RawServer, answer, routes, script

from mcstress.metrics.event import Hit
from mcstress.services.error_words import LARGEST_BODY
from mcstress.services.gateway.target import GatewayTarget
from mcstress.services.target import NewItem, Search, TargetSetup

ITEM = NewItem("f-1", "fresh", "a cook", {"role": "cook"})


@contextlib.contextmanager
def gateway(handle):
    """The gateway that answers so, as two coordinators have it."""
    with RawServer(handle) as server:
        target = GatewayTarget(TargetSetup(url=server.url, corpora=("workers",), timeout_s=2))
        with contextlib.closing(target.connect()) as one, contextlib.closing(target) as other:
            yield server, one, other


def test_fields_that_are_asked_for_come_with_the_hits():
    """As judged by rules of relevance: null is told from nothing."""
    hits = [hit("w-1", metadata={"role": "cook"}), hit("w-2", metadata=None), hit("w-3")]
    del hits[2]["metadata"]
    with gateway(script([answer(found(*hits, playbook_boosted=2))])) as (_, target, _):
        search = Search("q", ["workers"], 3, metadata=True, fields=("role",))
        step = target.search(search, TRACE)
    assert step.error is None
    answered = step.answer
    assert answered.hits == [Hit(f"w-{n}", "workers", 0.25) for n in (1, 2, 3)]
    assert {type(one) for one in answered.hits} == {Hit}, "without what the evidence has no use for"
    assert [msgspec.json.decode(one) for one in answered.metadata] == [{"role": "cook"}, None, {}]
    assert (answered.per_corpus_counts, answered.boosted) == ({"workers": 3}, 2)


def test_an_index_that_cannot_be_made_is_said_once_and_asked_for_again(caplog):
    refusals = [{"error": "disk full"}, {"error": "disk full"}, {"error": "read only"}, {}]

    def handle(request):
        if request.path == "/v1/vectors/index" and (refusal := refusals.pop(0)):
            return [answer(refusal, "503 x")]
        return others(request)

    others = routes(
        v1_embed={"vectors": [[1.0, 2]]},
        v1_vectors_index={},
        v1_vectors_index_fresh_add={"added": 1},
    )
    with caplog.at_level(logging.WARNING), gateway(handle) as (server, one, other):
        for target in (one, other, one, other, one):
            assert [step.error for step in target.add(ITEM, TRACE)] == [None, None]
        made = [request for request in server.requests if request.path == "/v1/vectors/index"]
    assert len(made) == 4, "until it was made"
    said = "the vector index fresh could not be made: HTTP 503: "
    assert caplog.messages == [f"{said}disk full", f"{said}read only"]


@pytest.mark.parametrize(
    ("size", "says"),
    [(LARGEST_BODY - 100, "HTTP 500: down"), (LARGEST_BODY, "HTTP 500 (application/json)")],
)
def test_a_long_answer_is_not_searched_for_words(size, says):
    body = {"error": "down", "trace": "x" * size}
    with gateway(script([answer(body, "500 x")])) as (_, target, _):
        step = target.sizes()
    assert (step.error, step.answer) == (says, None)
