"""Base URLs as users give them, and the tokens that belong to them."""

import pytest

from mcstress.errors import UsageError
from mcstress.services.http.base_url import parse_base_url
from mcstress.services.http.bearer_token import GATEWAY_TOKEN, token_of


@pytest.mark.parametrize(
    ("text", "whole", "authority"),
    [
        ("http://localhost:3110", "http://localhost:3110", "localhost:3110"),
        (" http://localhost:80/ ", "http://localhost", "localhost"),
        ("https://lake.example", "https://lake.example", "lake.example"),
        ("https://lake.example:443/a/b/", "https://lake.example/a/b", "lake.example"),
        ("HTTP://LAKE.example:8080", "http://lake.example:8080", "lake.example:8080"),
        ("http://[::1]:3110/x", "http://[::1]:3110/x", "[::1]:3110"),
        ("http://müller.example", "http://xn--mller-kva.example", "xn--mller-kva.example"),
        ("http://under_score", "http://under_score", "under_score"),
    ],
)
def test_a_base_url_is_read(text, whole, authority):
    url = parse_base_url(text)
    assert (str(url), url.authority) == (whole, authority)
    assert parse_base_url(str(url)) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "localhost:3110",
        "//localhost",
        "ftp://localhost",
        "http://",
        "http://:80",
        "http://h:0",
        "http://h:99999",
        "http://h:port",
        "http://[::1",
        "http://h?x=1",
        "http://h/#x",
        "http://h/a b",
        "http://h/ü",
        "http://h h",
        "http://.h",
        "http://a..b",
        f"http://{'a' * 64}.example",
    ],
)
def test_what_is_no_base_url_is_misuse_that_names_the_place(text):
    with pytest.raises(UsageError, match=r"^--host: .*expected http://HOST") as caught:
        parse_base_url(text, "--host")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["http://me:sesame@h", "http://sesame@h/x", "http://h:x@sesame:y"])
def test_a_password_in_a_url_is_refused_and_not_repeated(text):
    with pytest.raises(UsageError) as caught:
        parse_base_url(text)
    assert "sesame" not in str(caught.value)


def test_a_token_comes_from_the_environment(monkeypatch):
    monkeypatch.delenv(GATEWAY_TOKEN, raising=False)
    assert token_of(GATEWAY_TOKEN) == ""
    monkeypatch.setenv(GATEWAY_TOKEN, " sesame\n")
    assert token_of(GATEWAY_TOKEN) == "sesame"


@pytest.mark.parametrize("token", ["sesame\r\nX: y", "sesame sesame", "sesamé"])
def test_a_token_that_no_header_can_carry_is_misuse_and_not_repeated(token, monkeypatch):
    monkeypatch.setenv(GATEWAY_TOKEN, token)
    with pytest.raises(UsageError, match=r"^GATEWAY_TOKEN: ") as caught:
        token_of(GATEWAY_TOKEN)
    assert "sesam" not in str(caught.value)
