"""A proxy that the environment names is not used, and that is said where it would be expected."""

import pytest

from mcstress.services.http.proxies import unused_proxy

FAR = "http://gateway.example:3110"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("HTTP_PROXY", FAR),
        ("http_proxy", FAR),
        ("HTTPS_PROXY", "https://gateway.example"),
        ("ALL_PROXY", FAR),
    ],
)
def test_a_proxy_that_would_concern_a_service_is_named(variable, url, monkeypatch):
    monkeypatch.setenv(variable, "http://proxy.example:8080")
    said = unused_proxy(["", url])
    assert said.startswith(f"{variable.upper()} is set, and not used: gateway.example is called")


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("HTTPS_PROXY", FAR),
        ("HTTP_PROXY", "http://127.0.0.1:3110"),
        ("HTTP_PROXY", "http://localhost:3110"),
        ("HTTP_PROXY", ""),
        ("SOME_PROXY", FAR),
    ],
)
def test_nothing_is_said_of_one_that_would_not(variable, url, monkeypatch):
    monkeypatch.setenv(variable, "http://proxy.example:8080")
    assert unused_proxy([url]) == ""


def test_no_proxy_leaves_it_out(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:8080")
    monkeypatch.setenv("NO_PROXY", "gateway.example,other.example")
    assert unused_proxy([FAR]) == ""
