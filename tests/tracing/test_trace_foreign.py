"""Only what a Langfuse said it has is delivered; and what is said of any other helps."""

from __future__ import annotations

import gzip
import json
import secrets
import time

import httpx
import pytest
from langfuse_behaviour import FOREIGN
from langfuse_standin import PUBLIC_KEY, SECRET_KEY, StandIn
from tcp.raw_server import RawServer, answer
from trace_rounds import balanced, event, step, wait_for

from mcstress.tracing.http.answer_limit import LARGEST_ANSWER
from mcstress.tracing.http.delivery_outcome import read_status
from mcstress.tracing.langfuse.answer import read_otlp
from mcstress.tracing.langfuse.check import check_langfuse
from mcstress.tracing.langfuse.readback import read_back
from mcstress.tracing.langfuse.settings import LangfuseSettings
from mcstress.tracing.notices import ThrottledWarnings

ASKED = "http://127.0.0.1:9/api/public/health"


def spooled_whole(tracer):
    """Whether an observation and a score are spooled, and neither counts as delivered."""
    tracer.record(event("surge"), [step("matrix.search")])
    tracer.score("verdict", "pass")
    counts = tracer.finish(60)
    assert balanced(counts)
    return (counts.delivered, counts.spooled, counts.scores.spooled) == (0, 1, 1)


@pytest.mark.parametrize("mode", FOREIGN)
@pytest.mark.parametrize("route", ["", "/otel/", "/ingestion"])
def test_whoever_says_yes_to_everything_has_nothing(trace_to, mode, route, caplog):
    with StandIn("3.225.4", mode=mode, route=route) as standin:
        tracer = trace_to(standin.url)
        if not route:
            assert spooled_whole(tracer)
        else:
            tracer.record(event("surge"), [step("matrix.search")])
            tracer.score("verdict", "pass")
            counts = tracer.finish(60)
            assert counts.delivered == len(standin.observations) == (route != "/otel/")
            assert counts.scores.delivered == len(standin.scores) == (route == "/otel/")
    assert "with what no Langfuse answers: check LANGFUSE_URL: " in caplog.text


@pytest.mark.parametrize("elsewhere", [None, *FOREIGN])
def test_a_path_that_is_mistaken_delivers_nothing(trace_to, elsewhere, caplog):
    with StandIn("3.225.4", elsewhere=elsewhere) as standin:
        assert spooled_whole(trace_to(f"{standin.url}/app"))
    assert "check LANGFUSE_URL" in caplog.text


@pytest.mark.parametrize("said", [b"{}", b'{"partialSuccess": {}}', b'{"name": "job", "id": "1"}'])
def test_what_a_real_one_answers_is_a_yes(said):
    """3.225 answers with the job that it queued."""
    request = httpx.Request("POST", ASKED)
    assert read_otlp(httpx.Response(200, content=said, request=request), ["x"]).delivered == ["x"]


@pytest.mark.parametrize(
    ("target", "advice"),
    [
        ("https://langfuse.example/api/public/health", "set LANGFUSE_URL to https://langfuse.example"),
        ("https://u:p@x.example/lf/api/public/health/?a=b", "set LANGFUSE_URL to https://x.example/lf"),
        ("/lf/api/public/health", "set LANGFUSE_URL to http://127.0.0.1:9/lf"),
        ("//x.example/api/public/health", "set LANGFUSE_URL to http://x.example"),
        (
            "ftp://x.example/api/public/health",
            ("it points to ftp://x.example/api/public/health, which cannot be called: "
            "check LANGFUSE_URL"),
        ),
        (
            "/sign-in?to=/api/public/health",
            ("it points to http://127.0.0.1:9/sign-in, which is no address of Langfuse's API: "
            "check LANGFUSE_URL"),
        ),
        (
            "/api/public/health/",
            ("it points back to http://127.0.0.1:9/api/public/health/: "
            "check the proxy in front of Langfuse"),
        ),
    ],
)  # fmt: skip
def test_advice_for_a_redirect_works_when_it_is_followed(target, advice):
    request = httpx.Request("GET", ASKED)
    answer = httpx.Response(301, headers={"location": target}, request=request)
    (fault,) = read_status(answer, [], LangfuseSettings(ASKED, "pk", "sk").peer).faults
    assert fault.text == f"{ASKED} answers 301: {advice}"


def test_the_advice_is_followed(trace_to, caplog):
    """From a server that redirects to where another listens."""
    with StandIn("3.225.4") as standin:
        answer = "HTTP/1.1 308 Elsewhere\r\nContent-Length: 0\r\nConnection: close\r\nLocation: "
        answer += f"{standin.url}/api/public/health\r\n\r\n"

        def redirect(_):
            yield answer.encode()

        with RawServer(redirect) as server:
            assert spooled_whole(trace_to(server.url))
        (said,) = [text for text in caplog.messages if "answers 308" in text]
        tracer = trace_to(said.rpartition("set LANGFUSE_URL to ")[2])
        tracer.record(event("surge"), [step("matrix.search")])
        wait_for(lambda: tracer.counts().delivered == 1)


@pytest.mark.parametrize("version", ["2.95.9", "4.16.0"])
@pytest.mark.parametrize("body", [b'{"data": "\xff"}', b'{"data": [{"id": "\xff', b"[" * 100_000])
def test_a_project_in_no_json_is_said_and_no_traceback(version, body, caplog):
    def answered(request):
        if request.path.endswith("health"):
            return [answer({"status": "OK", "version": version})]
        return [answer(body)]

    with RawServer(answered) as server:
        settings = LangfuseSettings(server.url, PUBLIC_KEY, SECRET_KEY)
        reached, said = check_langfuse(settings)
        read = read_back(settings, "run", 1, 0.2, ThrottledWarnings(str))
    assert (reached, read) == (False, None)
    assert said.startswith(f"Langfuse {version} is there, but {server.url}/api/public/projects ")
    assert "the observations cannot be read back: " in caplog.text


def test_projects_of_an_old_server_in_no_text_are_none():
    """Servers before 3 list less than the SDK insists on: their list is read once more."""
    looks = iter([{"data": [{"id": "p"}]}, b'{"data": [{"id": "p", "name": "\xff"}]}'])

    def answered(request):
        is_health = request.path.endswith("health")
        return [answer({"status": "OK", "version": "2.9.0"} if is_health else next(looks))]

    with RawServer(answered) as server:
        said = check_langfuse(LangfuseSettings(server.url, PUBLIC_KEY, SECRET_KEY))[1]
    assert said.endswith("/api/public/projects lists no project for these keys")


def endless(head):
    """An answer that never ends and comes as fast as it can."""

    def answer(_):
        yield head
        while True:
            yield b" " * (1 << 20)

    return answer


HEADS = {
    "whole": b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n",
    "failed": b"HTTP/1.1 500 No\r\nContent-Length: 9999999999\r\n\r\n",
    "until it closes": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_no_answer_is_read_to_a_bitter_end(head):
    with RawServer(endless(head)) as server:
        said = check_langfuse(LangfuseSettings(server.url, PUBLIC_KEY, SECRET_KEY))[1]
    assert said == (
        f"Langfuse: {server.url}: an answer of more than {LARGEST_ANSWER:,} bytes: "
        "check LANGFUSE_URL"
    )


def test_what_comes_compressed_does_not_become_more_than_that():
    packed = gzip.compress(b" " * (4 * LARGEST_ANSWER))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"

    def answer(_):
        yield head.encode() + packed

    with RawServer(answer) as server:
        said = check_langfuse(LangfuseSettings(server.url, PUBLIC_KEY, SECRET_KEY))[1]
    assert "an answer of more than" in said


def test_what_comes_compressed_all_the_same_is_read():
    """As from a proxy that packs whatever it passes on; far more than 8 KB, packed or not."""
    filler = secrets.token_hex(LARGEST_ANSWER // 8)
    health = json.dumps({"status": "OK", "version": "4.16.0", "filler": filler})
    projects = json.dumps({"data": [{"id": "p", "name": "packed"}], "filler": filler})

    def answer(request):
        packed = gzip.compress((health if request.path.endswith("health") else projects).encode())
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: GZip\r\nContent-Length: {len(packed)}\r\n"
        yield f"{head}Content-Type: application/json\r\n\r\n".encode() + packed

    with RawServer(answer) as server:
        said = check_langfuse(LangfuseSettings(server.url, PUBLIC_KEY, SECRET_KEY))[1]
    assert said.startswith("Langfuse 4.16.0 at ")


@pytest.mark.parametrize("length", [8000, 9000])
def test_what_is_packed_otherwise_may_be_short_only(length):
    """How much it unpacks to is known when it is unpacked."""
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: {length}\r\n\r\n"

    def answered(_):
        yield head.encode() + b"x" * length

    with RawServer(answered) as server:
        said = check_langfuse(LangfuseSettings(server.url, PUBLIC_KEY, SECRET_KEY))[1]
    assert ("an answer of more than 8,128 bytes: check LANGFUSE_URL" in said) == (length > 8128)


def test_an_answer_without_an_end_is_not_asked_for_again(trace_to, caplog):
    """What it is about is spooled after one try, and the score beside it after one."""
    posts = []

    def answered(request):
        if request.method == "GET":
            return [answer({"status": "OK", "version": "4.16.0"})]
        posts.append(request.path)
        return endless(HEADS["whole"])(request)

    with RawServer(answered) as server:
        assert spooled_whole(trace_to(server.url))
    assert sorted(posts) == ["/api/public/ingestion", "/api/public/otel/v1/traces"]
    assert f"an answer of more than {LARGEST_ANSWER:,} bytes: check LANGFUSE_URL" in caplog.text


@pytest.mark.parametrize("version", ["2.95.9", "4.16.0"])
def test_pages_without_an_end_are_counted_until_the_time_is_over(version, caplog):
    traces = {"data": [{"observations": ["a"]}], "meta": {"totalPages": 10**9}}
    observations = {"data": [], "meta": {"cursor": "more"}}

    def answered(request):
        if request.path.endswith("health"):
            return [answer({"status": "OK", "version": version})]
        return [answer(observations if "v2" in request.path else traces)]

    with RawServer(answered) as server:
        settings = LangfuseSettings(server.url, PUBLIC_KEY, SECRET_KEY)
        begun = time.monotonic()
        read = read_back(settings, "run", 1, 0.3, ThrottledWarnings(str))
        assert time.monotonic() - begun >= 0.3
    assert read is None
    assert caplog.messages == [
        "Langfuse: the observations cannot be read back: there was no time to count them all"
    ]


@pytest.mark.parametrize(
    "body", [b"no gzip", gzip.compress(b"{}", mtime=0)[:-9]], ids=["none", "cut off"]
)
def test_what_cannot_be_unpacked_is_a_fault_that_is_said(body):
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"

    def answer(_):
        yield head.encode() + body

    with RawServer(answer) as server:
        reached, said = check_langfuse(LangfuseSettings(server.url, PUBLIC_KEY, SECRET_KEY))
    assert not reached
    assert server.url in said
