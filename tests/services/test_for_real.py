"""Both clients against the embedded stack: what they ask is what it answers."""

import contextlib
import json

import pytest
from gevent.lock import BoundedSemaphore

from mcstress.services.embedded.process import EmbeddedStack
from mcstress.services.gateway import schema as wire
from mcstress.services.gateway.client import Gateway
from mcstress.services.http.transport import Transport
from mcstress.services.llm.ollama import Ollama
from mcstress.services.preflight import check_gateway, check_llm
from mcstress.services.trace_context import TraceContext

TRACE = TraceContext("ef" * 16)
QUERY = "warehouse worker in Milwaukee, WI, forklift certified, night shift"


@pytest.fixture(scope="module")
def stack():
    started = EmbeddedStack.start()
    yield started
    started.stop()


@pytest.fixture
def steps():
    return []


@pytest.fixture
def gateway(stack, steps):
    transport = Transport(stack.url, connect_timeout_s=5, timeout_s=10)
    with contextlib.closing(transport):
        yield Gateway(transport, steps.append)


@pytest.fixture
def ollama(stack, steps):
    transport = Transport(stack.llm_url, connect_timeout_s=5, timeout_s=10)
    with contextlib.closing(transport):
        yield Ollama(transport, "qwen2.5", 42, BoundedSemaphore(4), steps.append)


def search(**options):
    return wire.SearchRequest(
        query_text=QUERY, corpora=["workers", "ethereal_workers"], k=8, **options
    )


def test_what_is_checked_before_a_run_holds(stack, gateway):
    sizes = check_gateway(stack.url, ["workers", "ethereal_workers"])
    assert (sizes["workers"], sizes["ethereal_workers"]) == (5000, 10_000)
    assert check_llm(stack.llm_url, "qwen2.5").rule_based
    assert gateway.health().error is None
    assert gateway.corpora().answer.sizes() == sizes


def test_a_recorded_choice_comes_back_first(gateway, steps):
    plain = gateway.search(search(), TRACE).answer
    assert len(plain.results) == 8
    assert sum(plain.per_corpus_counts.values()) >= 8
    second = plain.results[1]
    recorded = gateway.record(
        wire.RecordRequest(
            query_text=QUERY,
            answer_id=second.id,
            answer_corpus=second.corpus,
            score=1.0,
            corpus="playbook_for_real",
        ),
        TRACE,
    )
    memory = search(
        use_playbook=True,
        playbook_corpus="playbook_for_real",
        playbook_top_k=3,
        playbook_max_distance=0.5,
        playbook_max_inject_distance=0.3,
    )
    again = gateway.search(memory, TRACE).answer
    without = gateway.search(search(exclude_ids=[second.id]), TRACE).answer
    assert recorded.answer.playbook_id
    assert again.results[0].id == second.id
    assert again.playbook_boosted == 1
    assert second.id not in [result.id for result in without.results]
    assert [step.error for step in steps] == [None] * 4


def test_a_new_resume_is_found(gateway, steps):
    text = "Beekeeper from Ketchikan, AK, tends alpine hives"
    vector = gateway.embed(wire.EmbedRequest([text]), TRACE).answer
    index = wire.CreateIndexRequest("for_real", vector.dimension)
    assert [gateway.create_index(index).error for _ in range(2)] == [None, None]
    item = wire.IndexItem(id="f-1", vector=vector.vectors[0], metadata={"text": text})
    gateway.index_add("for_real", wire.IndexAddRequest([item]), TRACE)
    found = gateway.search(wire.SearchRequest(query_text=text, corpora=["for_real"], k=3), TRACE)
    assert [hit.id for hit in found.answer.results] == ["f-1"]
    top = wire.judged_decoder.decode(found.response).results[0]
    assert json.loads(bytes(top.metadata))["text"] == text
    assert [step.error for step in steps] == [None] * 3


def test_a_message_is_taken_in_parsed_and_judged(gateway, ollama, steps):
    body = "We need 4 warehouse workers in Milwaukee, WI, forklift certified, for the night shift."
    message = wire.InboxRequest(type="email", sender="a@b.example", subject="Urgent", body=body)
    gateway.inbox(message, TRACE)
    demand = ollama.parse_demand(body, TRACE).answer
    top = wire.judged_decoder.decode(gateway.search(search(), TRACE).response).results[0]
    judgement = ollama.judge_top1(body, top, TRACE).answer
    paraphrase = ollama.paraphrase(QUERY, TRACE).answer
    assert (demand.role, demand.count, demand.location) == ("warehouse worker", 4, "Milwaukee, WI")
    assert 1 <= judgement.rating <= 5
    assert paraphrase.paraphrase != QUERY
    assert [(step.error, step.unparseable) for step in steps] == [(None, None)] * 5


def test_what_it_refuses_is_a_failed_step_in_its_own_words(gateway):
    nowhere = wire.SearchRequest(query_text="q", corpora=["nowhere"], k=3)
    large = wire.InboxRequest(type="sms", sender="a", subject="b", body="x" * 9000)
    unknown = wire.InboxRequest(type="fax", sender="a", subject="b", body="c")
    assert gateway.search(nowhere, TRACE).error.startswith("HTTP 502: ")
    assert gateway.inbox(large, TRACE).error.startswith("HTTP 413: ")
    assert gateway.inbox(unknown, TRACE).error.startswith("HTTP 400: ")
