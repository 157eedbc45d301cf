"""What is refused before the first user starts."""

import pytest
from tcp.raw_server import CLOSE, RawServer, answer, routes, script

from mcstress.errors import ServiceRefusalError, UsageError
from mcstress.services import preflight as reach
from mcstress.services.gateway.schema import CorporaAnswer, Corpus
from mcstress.services.http.bearer_token import GATEWAY_TOKEN, LLM_TOKEN, token_hosts
from mcstress.services.preflight import ModelFacts, check_gateway, check_llm

CORPORA = {"corpora": [{"name": "workers", "size": 5000}, {"name": "other", "size": 0}]}


def tags(*models):
    """Ollama's list of models; a pair names one with its family."""
    pairs = [model if isinstance(model, tuple) else (model, "qwen2") for model in models]
    return {"models": [{"name": name, "details": {"family": kind}} for name, kind in pairs]}


def refusal(check, *arguments):
    """The one line that ``check`` refuses with."""
    with pytest.raises(ServiceRefusalError) as caught:
        check(*arguments)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_gateway_with_its_corpora_gives_their_sizes(monkeypatch):
    monkeypatch.setenv(GATEWAY_TOKEN, "sesame-1234")
    with RawServer(routes(lake_v1_matrix_corpora=CORPORA)) as server:
        hosts = token_hosts(server.url, None)
        sizes = check_gateway(f"{server.url}/lake/", ["workers"], hosts=hosts)
        assert server.requests[0].headers["authorization"] == "Bearer sesame-1234"
    assert sizes == {"workers": 5000, "other": 0}


def test_missing_corpora_are_named_with_what_is_there():
    with RawServer(routes(v1_matrix_corpora=CORPORA)) as server:
        words = refusal(check_gateway, server.url, ["workers", "e", "fresh"])
    assert words == f"--host {server.url}: no corpus e, fresh; there is other, workers"


@pytest.mark.parametrize(
    ("acts", "words"),
    [
        ([CLOSE], "no answer, connection closed without an answer"),
        (
            [answer("<html>\n <b>Hello</b>", content_type="text/html")],
            "/v1/matrix/corpora answers text/html '<html> <b>Hello</b>'; answer: not JSON",
        ),
        (
            [answer("x" * 90, "404 Not Found", content_type="text/plain")],
            f"HTTP 404 to /v1/matrix/corpora (text/plain '{'x' * 59}…'); expected 200",
        ),
        (
            [answer([])],
            "/v1/matrix/corpora answers application/json '[]'; answer: expected object, got array",
        ),
        (
            [answer({"error": "who?"}, "401 x")],
            "HTTP 401 to /v1/matrix/corpora; is GATEWAY_TOKEN set, and right?",
        ),
    ],
)
def test_what_is_no_gateway_is_refused(acts, words):
    with RawServer(script(acts)) as server:
        assert refusal(check_gateway, server.url, []) == f"--host {server.url}: {words}"


def test_nobody_there():
    with RawServer(script([CLOSE])) as server:
        url = server.url
    assert refusal(check_gateway, url, []) == f"--host {url}: no answer, connection refused"


def test_an_endless_answer_is_refused_in_time(monkeypatch):
    monkeypatch.setattr(reach, "TIMEOUT_S", 0.2)
    with RawServer(script([b"HTTP/1.1 200 OK\r\n\r\n", *[b"x", 0.05] * 100])) as server:
        words = refusal(check_gateway, server.url, [])
    assert words.endswith("no answer, time-out after 0.2 s inside the answer")


def test_a_url_that_is_none_is_refused_by_the_name_of_its_option():
    with pytest.raises(UsageError, match=r"^--llm-host: found 'localhost:11434'; expected http"):
        check_llm("localhost:11434", "qwen2.5")


@pytest.mark.parametrize(
    ("wanted", "there", "found"),
    [
        ("qwen2.5", ["a:1", "qwen2.5:latest"], "qwen2.5:latest"),
        ("qwen2.5:latest", ["qwen2.5:latest"], "qwen2.5:latest"),
        ("qwen2.5:7b", ["qwen2.5:latest", "qwen2.5:7b"], "qwen2.5:7b"),
        ("qwen2.5", ["qwen2.5", "qwen2.5:latest"], "qwen2.5"),
        ("qwen2.5", ["qwen2.5:latest", "qwen2.5"], "qwen2.5"),
        ("qwen2.5:latest", ["qwen2.5"], "qwen2.5"),
        ("Qwen2.5", ["qwen2.5:latest"], "qwen2.5:latest"),
        ("qwen2.5:7B", ["Qwen2.5:7b"], "Qwen2.5:7b"),
        ("Qwen2.5", ["qwen2.5:latest", "Qwen2.5:latest"], "qwen2.5:latest"),
        ("Qwen2.5:latest", ["qwen2.5:latest", "Qwen2.5:latest"], "Qwen2.5:latest"),
        ("library/qwen2.5", ["qwen2.5:latest"], "qwen2.5:latest"),
        ("hf.co/some/Model-GGUF", ["hf.co/some/model-gguf:latest"], "hf.co/some/model-gguf:latest"),
    ],
)
def test_a_model_is_found_as_ollama_finds_it(wanted, there, found, monkeypatch):
    monkeypatch.setenv(LLM_TOKEN, "sesame-1234")
    with RawServer(routes(api_tags=tags(*there))) as server:
        hosts = token_hosts(None, server.url)
        model = check_llm(server.url, wanted, hosts=hosts)
        assert model == ModelFacts(found, rule_based=False)
        assert server.requests[0].headers["authorization"] == "Bearer sesame-1234"


@pytest.mark.parametrize(
    ("wanted", "there", "listed"),
    [
        ("qwen2.5", ["qwen2.5:7b", "llama3:latest"], "llama3:latest, qwen2.5:7b"),
        ("qwen2.5:7b", ["qwen2.5:latest"], "qwen2.5:latest"),
        ("qwen2.5", [], "none"),
    ],
)
def test_a_missing_model_is_refused_with_what_mends_it(wanted, there, listed):
    with RawServer(routes(api_tags=tags(*there))) as server:
        words = refusal(check_llm, server.url, wanted)
    assert words == (
        f'--llm-host {server.url}: model "{wanted}" is not installed (installed: {listed}). '
        f"Install it with: ollama pull {wanted}"
    )


@pytest.mark.parametrize("body", [{"models": None}, {"models": []}, {}])
def test_an_empty_store_gets_the_advice_that_mends_it(body):
    with RawServer(routes(api_tags=body)) as server:
        words = refusal(check_llm, server.url, "qwen2.5")
    assert words.endswith(
        'model "qwen2.5" is not installed (installed: none). Install it with: ollama pull qwen2.5'
    )


@pytest.mark.parametrize("details", [None, {"family": None}, {"family": 7}])
def test_what_a_model_says_of_itself_may_be_nothing(details):
    with RawServer(routes(api_tags={"models": [{"name": "m", "details": details}]})) as server:
        assert check_llm(server.url, "m") == ModelFacts("m", rule_based=False)


@pytest.mark.parametrize("body", [{"corpora": None}, {}])
def test_a_gateway_without_corpora_says_so(body):
    with RawServer(routes(v1_matrix_corpora=body)) as server:
        words = refusal(check_gateway, server.url, ["workers"])
    assert words.endswith("no corpus workers; there is none")


def test_an_error_in_a_200_is_no_list_of_corpora():
    body = {"corpora": None, "error": "index not loaded"}
    with RawServer(routes(v1_matrix_corpora=body)) as server:
        words = refusal(check_gateway, server.url, [])
    assert words.endswith("/v1/matrix/corpora answers HTTP 200: index not loaded")


def test_the_stand_in_is_known_by_its_family():
    with RawServer(routes(api_tags=tags(("qwen2.5:latest", "rules")))) as server:
        assert check_llm(server.url, "qwen2.5").rule_based


def test_a_model_may_say_nothing_of_itself():
    with RawServer(routes(api_tags={"models": [{"name": "m:latest"}]})) as server:
        assert check_llm(server.url, "m") == ModelFacts("m:latest", rule_based=False)


def test_candidates_are_summed_over_the_corpora_that_are_searched_and_only_where_all_say_them():
    def answer(*corpora):
        return CorporaAnswer([Corpus(name, 5, roles) for name, roles in corpora])

    both = answer(("a", {"cook": 2, "baker": 1}), ("b", {"cook": 3}), ("c", None))
    assert both.candidates(["a", "b"]) == {"cook": 5, "baker": 1}
    assert both.candidates(["a", "c"]) is None
