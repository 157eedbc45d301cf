"""A token goes to its own services and to nobody else."""

import pytest
from tcp.raw_server import RawServer, answer, script

from mcstress.errors import ServiceRefusalError, UsageError
from mcstress.services.http.bearer_token import (
    GATEWAY_TOKEN,
    LLM_TOKEN,
    authorization,
    token_hosts,
    withheld,
)
from mcstress.services.preflight import check_gateway, check_llm

OWN = "https://gateway.example:8443"


@pytest.fixture(autouse=True)
def _tokens(monkeypatch):
    monkeypatch.setenv(GATEWAY_TOKEN, "sesame-1234")
    monkeypatch.setenv(LLM_TOKEN, "open-5678")
    monkeypatch.delenv("GATEWAY_TOKEN_HOST", raising=False)
    monkeypatch.delenv("LLM_TOKEN_HOST", raising=False)


@pytest.mark.parametrize("url", [OWN, f"{OWN}/lake", "https://GATEWAY.example.:8443/other/"])
def test_it_goes_to_the_service_that_was_named_first(url):
    hosts = token_hosts(f"{OWN}/lake", None)
    assert authorization(GATEWAY_TOKEN, url, hosts) == {"Authorization": "Bearer sesame-1234"}
    assert withheld(GATEWAY_TOKEN, url, hosts) == ""
    assert authorization(LLM_TOKEN, url, hosts) == {}


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway.example:8443",
        "https://gateway.example",
        "https://gateway.example:8444",
        "https://gateway.example.evil.example:8443",
        "https://evil.example:8443/gateway.example",
        "http://127.0.0.1:8443",
    ],
)
def test_another_scheme_host_or_port_is_another_service(url):
    hosts = token_hosts(OWN, OWN)
    assert authorization(GATEWAY_TOKEN, url, hosts) == authorization(LLM_TOKEN, url, hosts) == {}
    said = withheld(GATEWAY_TOKEN, url, hosts)
    assert f"belongs to {OWN}; to send it there, start with GATEWAY_TOKEN_HOST=" in said
    assert "sesame" not in said


def test_without_any_service_it_goes_nowhere():
    hosts = token_hosts("", None)
    assert authorization(GATEWAY_TOKEN, OWN, hosts) == {}
    assert "belongs to no service" in withheld(GATEWAY_TOKEN, OWN, hosts)


def test_the_environment_names_its_services_in_place_of_the_option(monkeypatch):
    monkeypatch.setenv("GATEWAY_TOKEN_HOST", "http://a:1, http://b/x\nhttp://c")
    hosts = token_hosts(OWN, OWN)
    assert hosts.gateway == ("http://a:1", "http://b", "http://c")
    assert hosts.llm == (OWN,)
    assert authorization(GATEWAY_TOKEN, OWN, hosts) == {}


def test_a_workers_own_environment_goes_before_what_the_master_says(monkeypatch):
    hosts = token_hosts(OWN, OWN)
    monkeypatch.setenv("GATEWAY_TOKEN_HOST", "http://mine")
    assert authorization(GATEWAY_TOKEN, OWN, hosts) == {}
    assert "belongs to http://mine" in withheld(GATEWAY_TOKEN, OWN, hosts)


@pytest.mark.parametrize("text", ["gateway", "https://a@b", "ftp://a"])
def test_a_host_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("LLM_TOKEN_HOST", text)
    with pytest.raises(UsageError, match=r"^LLM_TOKEN_HOST: "):
        token_hosts(OWN, OWN)


def test_a_redirect_takes_no_token_elsewhere():
    with RawServer(script([answer({})])) as thief:
        move = answer({}, "307 Moved", f"Location: {thief.url}/v1/matrix/corpora")
        with (
            RawServer(script([move])) as server,
            pytest.raises(ServiceRefusalError, match=r"HTTP 307"),
        ):
            check_gateway(server.url, [], hosts=token_hosts(server.url, None))
        assert server.requests[0].headers["authorization"] == "Bearer sesame-1234"
        assert thief.requests == []


def test_the_check_before_a_run_says_that_it_sent_none():
    with RawServer(script([answer({"error": "who?"}, "401 x")])) as server:
        hosts = token_hosts(OWN, OWN)
        with pytest.raises(ServiceRefusalError, match=r"HTTP 401 .*GATEWAY_TOKEN was not sent"):
            check_gateway(server.url, [], hosts=hosts)
        with pytest.raises(ServiceRefusalError, match=r"HTTP 401 .*LLM_TOKEN was not sent"):
            check_llm(server.url, "qwen2.5", hosts=hosts)
        assert not [each for each in server.requests if "authorization" in each.headers]
