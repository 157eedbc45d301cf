"""The Ollama API over real HTTP, and the product's own clients against the embedded stack."""

import contextlib
import json

import pytest

from mcstress.services.gateway import schema as wire
from mcstress.services.gateway.client import GatewayClient
from mcstress.services.http.transport import Transport
from mcstress.services.llm.ollama import Ollama
from mcstress.services.preflight import check_gateway, check_llm
from mcstress.services.trace_context import TraceContext
from mcstress.users.run import model_setup_of
from mcstress.users.scenarios.load import load_scenario

SCENARIO = load_scenario("three_cities")

SCHEMAS = {
    "parse": {"type": "object", "properties": {"role": {}, "count": {}, "location": {}}},
    "judge": {"type": "object", "properties": {"rating": {}, "reason": {}}},
    "paraphrase": {"type": "object", "properties": {"paraphrase": {}}},
}


def chat(client, text, schema=None, model="qwen2.5", **more):
    body = {
        "model": model,
        "messages": [{"role": "system", "content": "…"}, {"role": "user", "content": text}],
        "stream": False,
        "options": {"temperature": 0, "seed": 42},
    }
    return client.post("/api/chat", json=body | ({"format": schema} if schema else {}) | more)


def content(answer):
    return answer.json()["message"]["content"]


def test_the_models_say_that_they_are_no_language_models(client):
    models = client.get("/api/tags").json()["models"]
    assert "qwen2.5:latest" in {model["name"] for model in models}
    for model in models:
        assert model["details"]["family"] == "rules"
        assert "no language model" in model["details"]["note"]


def test_an_answer_has_ollamas_shape_with_durations_as_measured(client):
    answer = chat(client, "Need 2 painters in Joliet, IL", SCHEMAS["parse"]).json()
    assert answer["model"] == "qwen2.5"
    assert (answer["done"], answer["done_reason"]) == (True, "stop")
    assert answer["message"]["role"] == "assistant"
    assert answer["created_at"].endswith("Z")
    assert answer["load_duration"] == 0
    assert answer["prompt_eval_count"] == 7
    assert answer["eval_count"] > 0
    parts = answer["prompt_eval_duration"] + answer["eval_duration"]
    assert 0 < parts <= answer["total_duration"] < 10_000_000_000


def test_the_schema_tells_what_is_asked(client):
    parsed = json.loads(content(chat(client, "Need 2 painters in Joliet, IL", SCHEMAS["parse"])))
    assert parsed == {
        "role": "painter", "count": 2, "location": "Joliet, IL",
        "certs": [], "skills": [], "shift": "",
    }  # fmt: skip
    question = {
        "body": "2 painters in Joliet",
        "hit": {"id": "w-1", "metadata": {"role": "painter"}},
    }
    judged = json.loads(content(chat(client, json.dumps(question), SCHEMAS["judge"])))
    assert judged == {"rating": 4, "reason": "A painter; missing Joliet."}
    reworded = json.loads(content(chat(client, "painter, OSHA 10", SCHEMAS["paraphrase"])))
    assert list(reworded) == ["paraphrase"]


def test_what_the_rules_cannot_do_is_answered_in_prose(client):
    for answer in (
        chat(client, "Tell me a joke"),
        chat(client, "Tell me a joke", "json"),
        chat(client, "Tell me a joke", {"properties": {"joke": {}}}),
        chat(client, "no json", SCHEMAS["judge"]),
    ):
        assert answer.status_code == 200
        assert "no language model" in content(answer)
        with pytest.raises(json.JSONDecodeError):
            json.loads(content(answer))


def test_an_unknown_model_is_not_found_in_ollamas_words(client):
    answer = chat(client, "hello", model="llama9")
    assert answer.status_code == 404
    assert answer.json() == {"error": 'model "llama9" not found, try pulling it first'}
    for name in ("qwen2.5:latest", "Qwen2.5", "library/qwen2.5"):
        assert chat(client, "hello", model=name).status_code == 200
    assert chat(client, "hello", model="qwen2.5:7b").status_code == 404


@pytest.mark.parametrize("more", [{"messages": []}, {"messages": "hi"}, {"model": 7}])
def test_a_bad_chat_is_refused(client, more):
    answer = chat(client, "hello", **more)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}


def test_the_products_checks_take_the_stack_for_what_it_is(stack):
    sizes = check_gateway(stack.url, ["workers", "ethereal_workers"])
    assert (sizes["workers"], sizes["ethereal_workers"]) == (5_000, 10_000)
    model = check_llm(stack.llm_url, "qwen2.5")
    assert model.rule_based


TRACE = TraceContext("ab" * 16)


@pytest.fixture
def transport(stack):
    transport = Transport(stack.url, connect_timeout_s=5, timeout_s=30)
    yield transport
    transport.close()


def test_the_products_gateway_client_gets_answers_without_fault(transport):
    gateway = GatewayClient(transport)
    asked = wire.SearchRequest(query_text="painter in Joliet", corpora=["workers"], k=8)
    found = gateway.search(asked, TRACE)
    assert (found.error, len(found.answer.results)) == (None, 8)
    best = found.answer.results[0]
    recorded = wire.RecordRequest(
        query_text="painter in Joliet", answer_id=best.id, answer_corpus="workers",
        score=1.0, corpus="client_alice", role="painter", tags=["a"],
    )  # fmt: skip
    message = wire.InboxRequest(type="sms", sender="1", subject="", body="hi", priority="low")
    embedded = gateway.embed(wire.EmbedRequest(["painter"]), TRACE)
    index = wire.CreateIndexRequest("client_fresh", embedded.answer.dimension)
    item = wire.IndexItem("f-1", embedded.answer.vectors[0], {"role": "painter"})
    for step in (
        gateway.record(recorded, TRACE),
        gateway.inbox(message, TRACE),
        embedded,
        gateway.create_index(index),
        gateway.create_index(index),
        gateway.index_add("client_fresh", wire.IndexAddRequest([item]), TRACE),
    ):
        assert step.error is None, step


def test_the_products_llm_client_parses_judges_and_rewords(stack, transport):
    setup = model_setup_of(SCENARIO, url=stack.llm_url, model="qwen2.5", seed=42)
    ollama = Ollama(setup, contextlib.nullcontext())
    body = "Need 2 painters in Joliet, IL for the day shift"
    parsed = ollama.parse(body, TRACE)
    assert (parsed.answer.role, parsed.answer.count) == ("painter", 2)
    gateway = GatewayClient(transport)
    asked = wire.SearchRequest(query_text=body, corpora=["workers"], k=1)
    hit = wire.judged_decoder.decode(gateway.search(asked, TRACE).response).results[0]
    judged = ollama.judge(body, hit, TRACE)
    assert judged.answer.rating >= 3
    assert ollama.paraphrase(body, TRACE).answer.paraphrase != body
