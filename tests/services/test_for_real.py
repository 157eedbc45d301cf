"""Both clients against the embedded stack: what they ask is what it answers."""

import contextlib
import json

import pytest
from gevent.lock import BoundedSemaphore

from mcstress.metrics.event import Item
from mcstress.services.embedded.process import EmbeddedStack
from mcstress.services.gateway.target import GatewayTarget
from mcstress.services.llm.language_model import JudgedHit
from mcstress.services.llm.ollama import Ollama
from mcstress.services.preflight import check_gateway, check_llm
from mcstress.services.target import (
    MemoryLimits,
    Message,
    NewItem,
    Recording,
    Search,
    TargetSetup,
)
from mcstress.services.trace_context import TraceContext
from mcstress.users.run import model_setup_of
from mcstress.users.scenarios.load import load_scenario

SCENARIO = load_scenario("three_cities")

TRACE = TraceContext("ef" * 16)
CORPORA = ["workers", "ethereal_workers"]
QUERY = "warehouse worker in Milwaukee, WI, forklift certified, night shift"


@pytest.fixture(scope="module")
def stack():
    started = EmbeddedStack.start()
    yield started
    started.stop()


@pytest.fixture
def target(stack):
    limits = MemoryLimits(top_k=3, max_distance=0.5, max_inject_distance=0.3)
    setup = TargetSetup(url=stack.url, corpora=tuple(CORPORA), memory=limits)
    with contextlib.closing(GatewayTarget(setup)) as target:
        yield target


@pytest.fixture
def ollama(stack):
    setup = model_setup_of(SCENARIO, url=stack.llm_url, model="qwen2.5", seed=42, timeout_s=10)
    with contextlib.closing(Ollama(setup, BoundedSemaphore(4))) as ollama:
        yield ollama


def test_what_is_checked_before_a_run_holds(stack, target):
    sizes = check_gateway(stack.url, CORPORA)
    assert (sizes["workers"], sizes["ethereal_workers"]) == (5000, 10_000)
    assert check_llm(stack.llm_url, "qwen2.5").rule_based
    said = target.sizes().answer
    assert said.corpora == sizes
    assert sum(said.roles.values()) >= 5000
    assert target.probe().error is None


def test_a_recorded_choice_comes_back_first(target):
    plain = target.search(Search(QUERY, CORPORA, 8), TRACE).answer
    assert len(plain.hits) == 8
    assert sum(plain.per_corpus_counts.values()) >= 8
    second = plain.hits[1]
    answer = Item(second.id, second.corpus)
    recorded = target.record(Recording(QUERY, answer, "playbook_for_real", "cook"), TRACE)
    memory = Search(QUERY, CORPORA, 8, memory="playbook_for_real")
    again = target.search(memory, TRACE).answer
    without = target.search(Search(QUERY, CORPORA, 8, exclude=[second.id]), TRACE).answer
    assert recorded.error is None
    assert again.hits[0].id == second.id
    assert again.boosted == 1
    assert second.id not in [result.id for result in without.hits]


def test_a_new_item_is_found_and_its_index_made_once(target):
    text = "Beekeeper from Ketchikan, AK, tends alpine hives"
    for number in (1, 2):
        item = NewItem(f"f-{number}", "for_real", f"{text} {number}", {"text": text})
        steps = list(target.connect().add(item, TRACE))
        assert [(step.name, step.error) for step in steps] == [("embed", None), ("index.add", None)]
    step = target.search(Search(f"{text} 1", ["for_real"], 3, metadata=True), TRACE)
    assert {hit.id for hit in step.answer.hits} == {"f-1", "f-2"}
    assert [json.loads(bytes(one))["text"] for one in step.answer.metadata] == [text] * 2


def test_a_message_is_taken_in_parsed_and_judged(target, ollama):
    body = "We need 4 warehouse workers in Milwaukee, WI, forklift certified, for the night shift."
    assert target.inbox(Message("email", "a@b.example", "Urgent", body), TRACE).error is None
    demand = ollama.parse(body, TRACE).answer
    found = target.search(Search(QUERY, CORPORA, 8, metadata=True), TRACE).answer
    judgement = ollama.judge(body, JudgedHit(found.hits[0].id, found.metadata[0]), TRACE).answer
    paraphrase = ollama.paraphrase(QUERY, TRACE).answer
    assert (demand.role, demand.count, demand.location) == ("warehouse worker", 4, "Milwaukee, WI")
    assert judgement.rating >= 4
    assert paraphrase.paraphrase != QUERY


def test_what_it_refuses_is_a_failed_step_in_its_own_words(target):
    large = Message("sms", "a", "b", "x" * 9000)
    unknown = Message("fax", "a", "b", "c")
    assert target.search(Search("q", ["nowhere"], 3), TRACE).error.startswith("HTTP 502: ")
    refused = target.inbox(large, TRACE)
    assert (refused.status, refused.refused, refused.error) == (413, True, None)
    assert target.inbox(unknown, TRACE).error.startswith("HTTP 400: ")
