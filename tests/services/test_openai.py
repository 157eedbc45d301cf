"""A language model over OpenAI's API, in the words of the servers that speak it."""

import contextlib
import json

import msgspec
import pytest
from gevent.lock import BoundedSemaphore
from tcp.raw_server import RawServer, answer, routes, script

from mcstress.errors import ServiceRefusalError
from mcstress.services.http.bearer_token import LLM_TOKEN, token_hosts
from mcstress.services.llm.clients import cost_of, make_language_model
from mcstress.services.llm.language_model import JudgedHit, Judgement, ModelSetup
from mcstress.services.llm.openai import OpenAI
from mcstress.services.preflight import ModelFacts, check_llm
from mcstress.services.trace_context import TraceContext
from mcstress.users.run import model_setup_of
from mcstress.users.scenarios.load import load_scenario

SCENARIO = load_scenario("three_cities")

TRACE = TraceContext("cd" * 16)
HIT = JudgedHit("w-1", {"role": "cook"})
FITS = '{"rating": 4, "reason": "fits"}'
USAGE = {"prompt_tokens": 120, "completion_tokens": 9, "total_tokens": 129}


def said(content, reason="stop", **message):
    """A chat completion, as llama.cpp's server and vLLM answer."""
    choice = {
        "index": 0,
        "finish_reason": reason,
        "message": {"role": "assistant", "content": content, **message},
    }
    whole = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m-q4"}
    return answer({**whole, "choices": [choice], "usage": USAGE})


def error(status, text, **fields):
    """An error, as OpenAI words it."""
    body = {"error": {"message": text, "type": "invalid_request_error", "code": None, **fields}}
    return answer(body, f"{status} x")


@pytest.fixture
def llm_of():
    """Makes clients of a server."""
    with contextlib.ExitStack() as stack:

        def make(server, prefix="", **changes):
            setup = model_setup_of(
                SCENARIO, url=server.url + prefix, model="m", seed=7, timeout_s=2, **changes
            )
            llm = make_language_model("openai", setup, BoundedSemaphore(4))
            return stack.enter_context(contextlib.closing(llm))

        yield make


@pytest.mark.parametrize("prefix", ["", "/v1", "/proxy", "/proxy/v1/"])
def test_a_question_and_its_answer(llm_of, prefix):
    with RawServer(script([said(FITS)])) as server:
        step = llm_of(server, prefix, max_tokens=300).judge("two cooks", HIT, TRACE)
        (request,) = server.requests
    assert (step.name, step.error, step.unparseable) == ("llm.judge_top1", None, None)
    assert step.answer == Judgement(4, "fits")
    root = prefix.rstrip("/").removesuffix("/v1")
    assert request.path == f"{root}/v1/chat/completions"
    assert request.headers["traceparent"] == TRACE.traceparent(step.span_id)
    body = request.json()
    format_ = body.pop("response_format")
    assert [one["role"] for one in body.pop("messages")] == ["system", "user"]
    assert body == {"model": "m", "temperature": 0, "seed": 7, "max_tokens": 300}
    schema = format_["json_schema"]["schema"]
    assert (format_["type"], format_["json_schema"]["strict"]) == ("json_schema", True)
    assert set(schema["required"]) == set(schema["properties"]) == {"rating", "reason"}
    assert schema["additionalProperties"] is False
    cost = cost_of(step.request, step.response)
    assert (cost.model, cost.tokens) == ("m-q4", {"input": 120, "output": 9})


def taking(*formats, refusal=400):
    """A server that takes these response formats only, and refuses others as many do."""

    def handle(request):
        asked = request.json().get("response_format", {"type": "none"})["type"]
        if asked in formats:
            return [said(FITS)]
        return [error(refusal, f"response_format {asked} is not supported")]

    return handle


def formats(server):
    return [r.json().get("response_format", {"type": "none"})["type"] for r in server.requests]


@pytest.mark.parametrize(
    ("taken", "refusal", "first", "later"),
    [
        (["json_schema"], 400, ["json_schema"], "json_schema"),
        (["json_object", "none"], 400, ["json_schema", "json_object"], "json_object"),
        (["none"], 422, ["json_schema", "json_object", "none"], "none"),
    ],
)
def test_a_format_that_is_refused_is_asked_for_once(llm_of, taken, refusal, first, later):
    with RawServer(taking(*taken, refusal=refusal)) as server:
        llm = llm_of(server)
        with contextlib.closing(llm.connect()) as another:
            steps = [llm.judge("x", HIT, TRACE), another.judge("x", HIT, TRACE)]
        assert formats(server) == [*first, later]
    assert [step.answer for step in steps] == [Judgement(4, "fits")] * 2
    assert [step.error for step in steps] == [None] * 2


def test_a_question_that_is_refused_in_any_format_says_why_and_changes_nothing(llm_of):
    with RawServer(taking()) as server:
        llm = llm_of(server)
        step = llm.judge("x", HIT, TRACE)
        again = llm.judge("x", HIT, TRACE)
        assert formats(server) == ["json_schema", "json_object", "none"] * 2
    assert step.error == again.error == "HTTP 400: response_format json_schema is not supported"


def test_once_a_format_was_taken_a_refused_question_is_a_failed_step(llm_of):
    long = error(400, "the request exceeds the available context size")
    with RawServer(script([said(FITS)], [long], [said(FITS)])) as server:
        llm = llm_of(server)
        steps = [llm.judge("x", HIT, TRACE) for _ in range(3)]
        assert formats(server) == ["json_schema"] * 3
    words = "HTTP 400: the request exceeds the available context size"
    assert [step.error for step in steps] == [None, words, None]


@pytest.mark.parametrize(
    ("reply", "unparseable"),
    [
        (said('{"rating": 4', "length"), "content: cut at its longest, ended by length"),
        (said("", "length", reasoning_content="hm"), "content: cut at its longest, thinking onl"),
        (said(None, "content_filter"), "content: empty, ended by content_filter"),
        (said("It fits."), "content: not JSON"),
        (said(None, reasoning_content="let me see"), "content: empty, thinking only"),
    ],
)
def test_what_the_model_says_of_itself_is_in_the_reason(llm_of, reply, unparseable):
    with RawServer(script([reply])) as server:
        step = llm_of(server).judge("x", HIT, TRACE)
    assert (step.error, step.answer) == (None, None)
    assert step.unparseable.startswith(unparseable)


def test_whole_json_that_ended_at_its_longest_is_an_answer(llm_of):
    with RawServer(script([said(f"```json\n{FITS}\n```", "length")])) as server:
        assert llm_of(server).judge("x", HIT, TRACE).answer == Judgement(4, "fits")


RATE = error(429, "slow down").replace(b"\r\n", b"\r\nRetry-After: 20\r\n", 1)
DATED = error(429, "slow down").replace(b"\r\n", b"\r\nRetry-After: Fri, 31 Dec 1999\r\n", 1)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (RATE, "HTTP 429: slow down (retry after 20 s)"),
        (DATED, "HTTP 429: slow down"),
        (error(429, ""), "HTTP 429: invalid_request_error"),
        (answer("", "429 x", "Retry-After: 5"), "HTTP 429 (retry after 5 s)"),
        (error(500, "out of memory"), "HTTP 500: out of memory"),
        (answer({"choices": []}), "choices: none where one was due"),
        (answer({"message": {"content": FITS}, "done": True}), "answer: missing field choices"),
    ],
)
def test_a_server_that_does_not_answer_is_a_failed_step(llm_of, reply, reason):
    with RawServer(script([reply])) as server:
        step = llm_of(server).judge("x", HIT, TRACE)
    assert (step.answer, step.unparseable, step.error) == (None, None, reason)


MODELS = {"object": "list", "data": [{"id": "Qwen2.5", "object": "model"}, {"id": "b"}]}
LLAMA_TAGS = {"models": [{"name": "Qwen2.5", "model": "Qwen2.5"}], **MODELS}


@pytest.mark.parametrize("wanted", ["qwen2.5", "Qwen2.5", "qwen2.5:latest"])
def test_the_api_is_found_out(monkeypatch, wanted):
    monkeypatch.setenv(LLM_TOKEN, "sesame-1234")
    with RawServer(routes(v1_models=MODELS)) as server:
        hosts = token_hosts(None, server.url)
        found = check_llm(server.url, wanted, hosts=hosts)
        assert {r.headers["authorization"] for r in server.requests} == {"Bearer sesame-1234"}
    assert found == ModelFacts("Qwen2.5", rule_based=False, api="openai")


def test_llama_cpps_server_knows_ollamas_paths_and_speaks_openais_api():
    with RawServer(routes(api_tags=LLAMA_TAGS, v1_models=MODELS)) as server:
        assert check_llm(server.url, "qwen2.5").api == "openai"


def test_an_api_that_is_named_is_not_looked_for():
    tags = {"models": [{"name": "m"}]}
    with RawServer(routes(api_tags=tags, v1_models=MODELS)) as server:
        assert check_llm(server.url, "m").api == "ollama"
        assert check_llm(server.url, "b", api="openai").api == "openai"
        with pytest.raises(ServiceRefusalError, match=r"\(installed: m\)\. Install it with"):
            check_llm(server.url, "b", api="ollama")
        with pytest.raises(
            ServiceRefusalError, match=r'"m" is not installed \(installed: Qwen2.5, b\)$'
        ):
            check_llm(server.url, "m", api="openai")


def test_what_speaks_neither_is_refused_by_both():
    with RawServer(script([answer("no", "404 x", content_type="text/plain")])) as server:
        with pytest.raises(ServiceRefusalError) as refused:
            check_llm(server.url, "m")
        words = str(refused.value)
    assert words.startswith(f"--llm-host {server.url}: HTTP 404 to /api/tags")
    assert "; and by OpenAI's API: HTTP 404 to /v1/models" in words


def test_nobody_there_is_asked_once():
    with RawServer(script([])) as server:
        url = server.url
    with pytest.raises(ServiceRefusalError, match=r"no answer, connection refused$"):
        check_llm(url, "m")


@pytest.mark.parametrize(
    ("response", "tokens"),
    [
        ({"model": "m", "prompt_eval_count": 3, "eval_count": 5}, {"input": 3, "output": 5}),
        ({"model": "m", "usage": USAGE}, {"input": 120, "output": 9}),
        ({"usage": None}, None),
        ({}, None),
    ],
)
def test_the_cost_of_an_answer_of_either_api(response, tokens):
    cost = cost_of(b'{"model": "m"}', json.dumps(response).encode())
    assert (cost.model, cost.tokens) == ("m", tokens)
    assert cost_of(b"", b"\xff").model is None


def test_the_shared_format_outlives_a_coordinator():
    llm = OpenAI(ModelSetup("http://127.0.0.1:9", "m"), contextlib.nullcontext())
    own = llm.connect()
    assert own is not llm
    own.close()
    assert msgspec.structs.asdict(llm.setup) == msgspec.structs.asdict(own.setup)


def test_without_an_api_there_is_no_model_and_nobody_may_ask_it():
    model = make_language_model(None, ModelSetup(url="", model=""), BoundedSemaphore(1))
    with contextlib.closing(model.connect()) as connected:
        for ask in (
            lambda: connected.parse("body", TRACE),
            lambda: connected.judge("body", HIT, TRACE),
            lambda: connected.paraphrase("query", TRACE),
        ):
            with pytest.raises(NotImplementedError, match="there is no language model"):
                ask()
