"""A target by a TOML file: answers that are wrong, vectors that are kept, secrets."""

import contextlib
import json
import os
import textwrap
from urllib.parse import parse_qs

import gevent
import msgspec
import pytest
from gateway_answers import TRACE
from gevent.event import Event
from tcp.raw_server import HOLD, answer
from tcp.until import until
from toml_files import ASKED, BOTH, CHROMA, COLUMNS, ROWS, bodies, row

from mcstress.errors import UsageError
from mcstress.metrics.event import Hit
from mcstress.services.step import cut_step
from mcstress.services.target import (
    Message,
    NewItem,
    TargetSetup,
)
from mcstress.services.toml.secrets import Allowed
from mcstress.services.toml.target import toml_target
from mcstress.services.toml.vectors import builtin_embedding


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"error": "disk full"}, "/results: no such key; there are: error (error: disk full)"),
        ({"results": {"a": 1}}, "/results: an object where a list was due"),
        ({"results": [{"id": 1}]}, "/distance: no such key; there are: id"),
        ({"results": [row(None, 1)]}, "/id: null where an id was due"),
        ({"results": [row(True, 1)]}, "/id: true or false where an id was due"),
        ({"results": [row("a", "near")]}, "/distance: a text where a distance or score was due"),
        ({"results": [row("a", None)]}, "/distance: null where a distance or score was due"),
        (
            b'{"results": [{"id": "a", "distance": 1%b}]}' % (b"0" * 400),
            "/distance: a number where a distance or score was due",
        ),
        ({"results": [row("a", 1), row("a", 2)]}, 'results: id "a" of corpus "workers" twice'),
        ({"results": [row(id_, 1) for id_ in "abc"]}, "answer: 3 hits of at most 2"),
        ([answer("<html>", content_type="text/html")], "200 but not JSON (text/html)"),
        ([answer("")], "200 but empty"),
        ([answer({"detail": "no"}, "422 Unprocessable")], "HTTP 422: no"),
        ([answer({"fault": {"code": 7, "text": "who is it"}}, "401 x")], "HTTP 401: who is it"),
        ([answer({"page": {"no": 1}}, "503 x")], "HTTP 503 (application/json)"),
        ([answer({}, "302 Found", "Location: /x")], "redirect 302 not followed"),
    ],
)
def test_what_is_wrong_with_an_answer_fails_the_step(served, said, error):
    _, target = served(ROWS, {"POST /api/q/workers": said})
    step = target.search(ASKED, TRACE)
    assert (step.error.removeprefix("search workers: "), step.answer) == (error, None)


def test_a_failed_step_names_its_request(served):
    _, target = served(
        ROWS, {"POST /api/q/workers": {"results": []}}, corpora=("workers", "others")
    )
    step = target.search(BOTH, TRACE)
    assert step.error == "search others: HTTP 404: no /api/q/others"
    assert [part.error is None for part in step.parts] == [True, False]
    _, target = served(COLUMNS, {**CHROMA, "POST /embedder/embed": {"vectors": []}})
    step = target.search(ASKED, TRACE)
    assert step.error == "embed: /vectors/0: no such place in /vectors; the list has 0"
    _, target = served(COLUMNS, {**CHROMA, "GET /collections/workers": None})
    step = target.search(ASKED, TRACE)
    assert step.error == "resolve workers: HTTP 404: no /collections/workers"
    _, target = served(COLUMNS, {**CHROMA, "POST /collections/u-fresh/upsert": None})
    *_, step = target.add(NewItem("f", "fresh", "t", {}), TRACE)
    assert (step.name, step.error) == ("index.add", "HTTP 404: no /collections/u-fresh/upsert")


def test_a_status_that_the_file_calls_ok_is_no_error(served):
    taken = [answer({"error": "there already"}, "409 Conflict")]
    _, target = served(COLUMNS, {**CHROMA, "POST /collections/u-fresh/upsert": taken})
    *_, step = target.add(NewItem("f", "fresh", "t", {}), TRACE)
    assert (step.error, step.status) == (None, 409)


@pytest.mark.parametrize("corpora", [["workers"], ["workers", "others"]])
@pytest.mark.parametrize("path", ["/q/{corpus}", "/q"])
def test_a_search_by_such_a_status_found_nothing(served, path, corpora):
    text = ROWS.replace("/q/{corpus}", path).replace('"/id"', '"/id"\n    corpus = "/in"')
    gone = [answer({"error": "no such index"}, "404 Not Found")]
    answers = dict.fromkeys(("POST /api/q/workers", "POST /api/q"), gone)
    answers["POST /api/q/others"] = {"results": [row("o-1", 0.5) | {"in": "others"}]}
    _, target = served(text + "\n    ok = [404]\n", answers, corpora=tuple(corpora))
    step = target.search(msgspec.structs.replace(ASKED, corpora=corpora), TRACE)
    assert step.error is None
    assert [hit.id for hit in step.answer.hits] == ["o-1"] * ("{" in path and len(corpora) > 1)


def test_a_vector_by_such_a_status_is_none(served):
    text = COLUMNS.replace('post = "/embed"', 'post = "/embed"\n    ok = [404]')
    _, target = served(text, {**CHROMA, "POST /embedder/embed": None})
    assert target.search(ASKED, TRACE).error == "embed: no answer"


@pytest.mark.parametrize(("key", "asked"), [("", 4), ("cache = true", 1)])
def test_vectors_that_are_kept_are_asked_for_once_and_not_measured(served, key, asked):
    text = COLUMNS.replace('vector = "/vectors/0"', f'vector = "/vectors/0"\n    {key}')
    server, target = served(text, CHROMA)
    with contextlib.closing(target.connect()) as another:
        for of in (target, another, target, another):
            step = of.search(ASKED, TRACE)
            names = [part.name for part in step.parts or [step]]
            assert names == (["matrix.search"] if key else ["embed.query", "store.query"])
    assert sum(r.path == "/embedder/embed" for r in server.requests) == asked
    assert bool(target.notes()) == bool(key)


def test_vectors_of_our_own_need_no_embedder(served):
    builtin_embedding(42)  # made before the server waits: on a busy machine it takes a while
    text = ROWS.replace("text = ", 'v = "{vector}", text = ') + "[embed]\nbuiltin = true\n"
    server, target = served(text, {"POST /api/q/workers": {"results": []}}, seed=42)
    step = target.search(ASKED, TRACE)
    vector = bodies(server)[0]["v"]
    assert (step.name, step.error, len(vector)) == ("matrix.search", None, 256)
    assert sum(number * number for number in vector) == pytest.approx(1, abs=1e-5)
    assert "the built-in embedding" in target.notes()[0]


def test_a_search_over_a_new_connection_leaves_the_ones_before(served):
    server, target = served(ROWS, {"POST /api/q/workers": {"results": []}})
    for new in (False, False, True):
        target.search(msgspec.structs.replace(ASKED, new_connection=new), TRACE)
    assert (len(server.requests), server.connections) == (3, 2)


def test_a_search_that_the_end_of_the_run_cuts_is_known(served):
    answers = {"POST /api/q/workers": {"results": []}, "POST /api/q/others": [HOLD]}
    server, target = served(ROWS, answers, corpora=("workers", "others"))
    greenlet = gevent.spawn(target.search, BOTH, TRACE)
    while len(server.requests) < 2:
        gevent.sleep(0.01)
    cut = []

    def kill():
        try:
            target.search(BOTH, TRACE)
        except gevent.GreenletExit as end:
            cut.append(cut_step(end))

    other = gevent.spawn(kill)
    while len(server.requests) < 4:
        gevent.sleep(0.01)
    gevent.killall([greenlet, other])
    assert [(step.name, step.cut) for step in cut] == [("matrix.search", True)]


MESSAGES = """
    [service.db]
    url = "URL"
    headers = { "X-Api-Version" = "2" }
    [search]
    get = "/s/{corpus}/{text}"
    rows = ""
    id = "/id"
    [inbox]
    put = "/inbox"
    lines = [{ type = "{type}" }, { from = "{sender}", t = "{subject}: {body}", p = "{priority}" }]
"""


def test_a_message_goes_out_as_lines(served):
    server, target = served(MESSAGES, {"PUT /inbox": {"ok": True}})
    step = target.inbox(Message("email", "ann", "Two cooks", "For Monday"), TRACE)
    assert (step.name, step.error) == ("observerd.inbox.record", None)
    (request,) = server.requests
    lines = [json.loads(line) for line in request.body.decode().splitlines()]
    assert lines == [{"type": "email"}, {"from": "ann", "t": "Two cooks: For Monday"}]
    assert request.headers["content-type"] == "application/x-ndjson"
    assert request.headers["x-api-version"] == "2"


def test_a_form_is_sent_as_a_web_form_is(served):
    text = ROWS.replace("body = {", "form = {").replace(
        'filter = { ns = "{namespace}", role = "{role}" }', 'ns = "{namespace}", exact = true'
    )
    server, target = served(text, {"POST /api/q/workers": {"results": [row("w-1", "0.25")]}})
    step = target.search(ASKED, TRACE)
    assert (step.error, step.answer.hits) == (None, [Hit("w-1", "workers", 0.25)])
    (request,) = server.requests
    assert parse_qs(request.body.decode(), strict_parsing=True) == {
        "text": [ASKED.text], "limit": ["2"], "exact": ["true"],
    }  # fmt: skip
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


TOKEN = "t0p-secret-token"
SECURED = """
    [service.db]
    url = "URL"
    token = "TARGET_DB_TOKEN"
    header = "X-Token"
    scheme = ""
    [service.other]
    url = "URL/other"
    [embed]
    service = "other"
    post = "/embed"
    body = { t = "{text}" }
    vector = ""
    [search]
    post = "/q/{corpus}"
    body = { v = "{vector}" }
    rows = ""
    id = "/id"
"""


def test_a_token_goes_to_its_own_service_alone_and_is_never_shown(served, monkeypatch):
    monkeypatch.setenv("TARGET_DB_TOKEN", TOKEN)
    said = [answer({"error": f"bad token {TOKEN}"}, "403 Forbidden")]
    server, target = served(
        SECURED, {"POST /other/embed": [answer([1, 2])], "POST /q/workers": said}
    )
    step = target.search(ASKED, TRACE)
    sent = {request.path: request.headers.get("x-token") for request in server.requests}
    assert sent == {"/other/embed": None, "/q/workers": TOKEN}
    assert step.error == "search workers: HTTP 403: bad token [token]"
    assert TOKEN.encode() not in msgspec.json.encode(step)


def test_user_and_password_are_basic_authentication(served, monkeypatch):
    monkeypatch.setenv("TARGET_DB_PASSWORD", "op en")
    text = ROWS.replace('/api"', '/api"\n    user = "admin"\n    password = "TARGET_DB_PASSWORD"')
    with pytest.raises(UsageError, match=r"service\.db\.password: TARGET_DB_PASSWORD holds"):
        served(text, {})
    monkeypatch.setenv("TARGET_DB_PASSWORD", "open-sesame")
    server, target = served(text, {"POST /api/q/workers": {"results": []}})
    assert target.search(ASKED, TRACE).error is None
    assert server.requests[0].headers["authorization"] == "Basic YWRtaW46b3Blbi1zZXNhbWU="


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('headers = { "host" = "other" }', "headers: found host, which every request has of its"),
        ('headers = { "X-Q" = "{text}" }', "headers.X-Q: found {text}, expected no placeholder"),
        ('headers = { "X-Q" = "{nope}" }', "headers.X-Q: found {nope}, expected one of"),
        ('headers = { "X-Q" = "a\\r\\nb" }', ": header 'X-Q': characters that no header can carry"),
        ('token_file = "blank"', "token_file: FOLDER/blank is empty, expected a token"),
        ('token_file = "gone"', "token_file: FOLDER/gone cannot be read: No such file or"),
        ('token_file = "pipe"', "token_file: FOLDER/pipe cannot be read: found a pipe, socket or"),
        ('token_file = "wide"', "token_file: FOLDER/wide: found what is not ASCII, expected a tok"),
        ('ca = "gone"', "ca: FOLDER/gone is no file of certificates: No such file or directory"),
        ('ca = "wide"', "ca: FOLDER/wide is no file of certificates: "),
        ('ca = "pipe"', "ca: FOLDER/pipe is no file of certificates: found a pipe, socket or"),
    ],
)
def test_what_a_service_names_and_is_not_there_is_refused(served, tmp_path, line, says):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "wide").write_text("Schlüssel")
    (tmp_path / "blank").write_text(" \n")
    text = ROWS.replace('/api"', f'/api"\n    {line}')
    with pytest.raises(UsageError) as refused:
        served(text, {}, file=str(tmp_path / "my.toml"))
    says = says.replace("FOLDER", str(tmp_path))
    assert f"my.toml: service.db{says}" in str(refused.value).replace("service.db.", "service.db")
    assert "\n" not in str(refused.value)


def test_a_tokens_file_is_read_again_once_after_a_401(served, tmp_path):
    file = tmp_path / "token"
    file.write_text("first-token\n")
    good = {"first-token"}

    def guarded(request):
        token = request.headers["authorization"].removeprefix("Bearer ")
        return {"results": []} if token in good else [answer({}, "401 Unauthorized")]

    text = ROWS.replace('/api"', f'/api"\n    token_file = "{file}"')
    server, target = served(text, {"POST /api/q/workers": guarded})
    other = target.connect()
    assert target.search(ASKED, TRACE).error is None
    assert other.search(ASKED, TRACE).error is None
    good = {"second-token"}
    assert target.search(ASKED, TRACE).status == 401
    file.write_text("second-token\n")
    requests = len(server.requests)
    assert target.search(ASKED, TRACE).error is None
    assert len(server.requests) == requests + 2
    # The other coordinator's connections still have the first one.
    assert other.search(ASKED, TRACE).error is None
    assert other.search(ASKED, TRACE).error is None
    assert len(server.requests) == requests + 5
    other.close()
    # While the file is written, or missing, the old token stays in use.
    good = {"third-token"}
    for spoilt in ("", "first token", None):
        file.unlink() if spoilt is None else file.write_text(spoilt)
        assert target.search(ASKED, TRACE).status == 401
    file.write_text("third-token")
    assert target.search(ASKED, TRACE).error is None


def test_a_connection_of_an_old_token_is_not_kept(served, tmp_path):
    """Of several requests at once one finds the newer token, while the others are on their way."""
    file = tmp_path / "token"
    file.write_text("first")
    good, waits = {"first"}, Event()

    def guarded(request):
        if request.path.endswith("others"):
            waits.wait(5)
        is_good = request.headers["authorization"].removeprefix("Bearer ") in good
        said = answer({"results": []}) if is_good else answer({}, "401 Unauthorized")
        if request.path.endswith("workers"):
            waits.set()
        return [said]

    text = ROWS.replace('/api"', f'/api"\n    token_file = "{file}"')
    server, target = served(
        text, dict.fromkeys(("POST /api/q/workers", "POST /api/q/others"), guarded),
        corpora=("workers", "others"),
    )  # fmt: skip
    assert target.search(BOTH, TRACE).error is None
    assert server.connections == 2
    waits.clear()
    file.write_text("second")
    good.clear()
    good.add("second")
    assert target.search(BOTH, TRACE).error is None
    until(lambda: server.hangups == 2)  # those of the first token
    assert target.search(BOTH, TRACE).error is None
    sent = [request.headers["authorization"] for request in server.requests[-2:]]
    assert sent == ["Bearer second"] * 2


@pytest.mark.parametrize(
    ("variable", "value", "allowed", "says"),
    [
        (
            "TARGET_DB_TOKEN",
            None,
            (),
            "service.db.token: found no environment variable TARGET_DB_TO",
        ),
        (
            "DB_TOKEN",
            "x",
            (),
            "service.db.token: found DB_TOKEN, expected a variable that begins with",
        ),
        ("DB_TOKEN", "x", (), "or --target-token DB_TOKEN@http://127.0.0.1:9"),
        (
            "DB_TOKEN",
            "x",
            (Allowed("DB_TOKEN", "http://127.0.0.1:8"),),
            "found DB_TOKEN, expected a",
        ),
        ("DB_TOKEN", "x", (Allowed("DB_TOKEN", "http://127.0.0.1:9"),), None),
        (
            "GATEWAY_TOKEN",
            "x",
            (),
            "found GATEWAY_TOKEN, expected a variable that begins with TARGET_",
        ),
        (
            "TARGET_DB_TOKEN",
            "a b",
            (),
            "service.db.token: TARGET_DB_TOKEN holds characters that no",
        ),
        ("sk-12345", None, (), "found a value that is no variable's name (not shown: it may be a"),
    ],
)
def test_which_variables_a_file_may_name(monkeypatch, variable, value, allowed, says):
    if value is not None:
        monkeypatch.setenv(variable, value)
    text = textwrap.dedent(ROWS).replace(
        'URL/api"', f'http://127.0.0.1:9/api"\ntoken = "{variable}"'
    )
    setup = TargetSetup(tokens=allowed)
    if says is None:
        toml_target("my.toml", text)(setup).close()
        return
    with pytest.raises(UsageError) as refused:
        toml_target("my.toml", text)(setup)
    assert says in str(refused.value)
    assert "sk-12345" not in str(refused.value)
