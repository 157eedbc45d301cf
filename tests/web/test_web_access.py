"""Whom the web UI refuses, by the headers of the request."""

import socket

import pytest
from flask import Flask
from flask_cors import CORS

from mcstress.errors import UsageError
from mcstress.host_names import OwnNames, allowed_hosts
from mcstress.web.access import Access, take_away_cors

HERE = "127.0.0.1:8089"
OTHERS = "192.0.2.7"
"""A peer on another machine."""


def fault(method="POST", peer="127.0.0.1", allowed=(), **headers):
    access = Access(OwnNames(allowed_hosts(allowed), "ui.internal"))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return access.fault(method, {"Host": HERE} | named, peer)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec_Fetch_Site": "same-origin", "Origin": "https://proxy.example"},
        {"Sec_Fetch_Site": "none"},
        {"Origin": f"http://{HERE}"},
        {"Origin": f"https://{HERE}"},
        {"Referer": f"http://{HERE}/load/?tab=stats"},
        {"Host": "127.0.0.1", "Origin": "https://127.0.0.1"},
        {"Host": "[::1]:8089", "Origin": "http://[::1]:8089"},
        {"Origin": "https://load.example", "X_Forwarded_Host": "load.example"},
        {"Origin": "https://load.example:8443", "X_Forwarded_Host": "a.b, load.example:8443"},
        {"Origin": "https://load.example", "allowed": ["LOAD.example."]},
        {"Origin": "http://load.example:81", "allowed": ["load.example:81"]},
        {"Host": "load.example", "Sec_Fetch_Site": "same-origin", "allowed": ["load.example:81"]},
        {"Host": "xn--bcher-kva.example", "allowed": ["Bücher.example"]},
        {"Host": "localhost:1", "Origin": "http://LOCALHOST:1"},
        {"Host": f"{socket.gethostname()}:8089"},
        {"Host": socket.getfqdn()},
        {"Host": "ui.internal"},
    ],
)
def test_own_pages_and_programs_may_come(headers):
    assert fault(**headers) == ""


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Sec_Fetch_Site": "cross-site"}, "Sec-Fetch-Site: cross-site"),
        ({"Sec_Fetch_Site": "same-site", "Origin": f"http://{HERE}"}, "Sec-Fetch-Site: same-site"),
        ({"Sec_Fetch_Site": ""}, "Sec-Fetch-Site: "),
        ({"Origin": "null"}, "Origin: null"),
        ({"Origin": "null", "Referer": f"http://{HERE}/"}, "Origin: null"),
        ({"Origin": "https://evil.example"}, "Origin: https://evil.example"),
        ({"Origin": "http://127.0.0.1:8090"}, "Origin: http://127.0.0.1:8090"),
        ({"Origin": "http://127.0.0.1"}, "Origin: http://127.0.0.1"),
        ({"Origin": f"chrome-extension://{HERE}"}, "Origin: chrome-extension"),
        ({"Origin": f"http://a@{HERE}"}, "Origin: http://a@"),
        ({"Referer": "https://evil.example/127.0.0.1:8089"}, "Referer: https://evil.example"),
        ({"Referer": ""}, "Referer: "),
        ({"Host": "127.0.0.1:80", "Origin": "https://127.0.0.1"}, "Origin: https://127.0.0.1"),
        (
            {"Origin": "https://load.example", "X_Forwarded_Host": "load.example", "peer": OTHERS},
            "Origin: https://load.example",
        ),
        ({"Origin": "https://load.example:81", "allowed": ["load.example"]}, "load.example:81"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "POST "])
def test_a_page_of_another_site_may_change_nothing(headers, reason, method):
    said = fault(method, **headers)
    assert reason in said
    assert "--web-allowed-host NAME" in said
    assert fault("GET", **headers) == ""


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8089", "a, b", "127.0.0.1@evil.example", "::", " "]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_name_that_is_not_ours_is_refused_whoever_asks(host, method):
    said = fault(method, Host=host, Sec_Fetch_Site="same-origin", X_Forwarded_Host=HERE)
    assert said.startswith("refused: ")
    assert "--web-allowed-host NAME" in said


@pytest.mark.parametrize(
    "text", ["https://load.example", "load.example/x", "", "a b", "a,b", "x:y"]
)
def test_what_is_no_host_is_no_option(text):
    with pytest.raises(UsageError, match="--web-allowed-host: "):
        allowed_hosts([text])


def test_cors_is_gone_from_answers_and_from_errors():
    app = Flask(__name__)
    CORS(app)
    take_away_cors(app)
    client = app.test_client()
    for method in ("get", "options", "post"):
        answer = getattr(client, method)("/none", headers={"Origin": "https://evil.example"})
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_the_cors_of_a_locustfile_stays():
    app = Flask(__name__)
    CORS(app)
    take_away_cors(app)
    CORS(app, origins=["https://mine.example"])
    answer = app.test_client().get("/", headers={"Origin": "https://mine.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://mine.example"
