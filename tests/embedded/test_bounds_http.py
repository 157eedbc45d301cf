"""What no client of a load test would send is refused in JSON, and holds nobody else up."""

import random
import select
import socket
import subprocess
import sys
from contextlib import suppress
from urllib.parse import urlsplit

import gevent
import httpx
import psutil
import pytest
from embedded.test_gateway_http import INBOX, QUERY, RECORD, SEARCH, refused
from tcp.until import until

from mcstress.services.embedded.bodies import LONGEST_NAME, LONGEST_TEXT, MOST, MOST_CORPORA
from mcstress.services.embedded.embedding import DIMENSION
from mcstress.services.embedded.items import DEEPEST_METADATA, LARGEST_METADATA_BYTES
from mcstress.services.embedded.process import ROOT

EMBED = "/v1/embed"
INDEX = "/v1/vectors/index"
ADD = f"{INDEX}/workers/add"
CHAT = "/api/chat"
ROUTES = (SEARCH, RECORD, INBOX, EMBED, INDEX, ADD, CHAT)
DEEP = 20_000
ONES = [1] * DIMENSION


@pytest.fixture(scope="module")
def overheard(tmp_path_factory):
    """A stack of its own, and the file with all that it wrote to its standard error."""
    said = tmp_path_factory.mktemp("stack") / "stderr.txt"
    command = [sys.executable, "-m", "mcstress.services.embedded"]
    with (
        said.open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, cwd=ROOT) as process,
    ):
        assert process.stdout
        with httpx.Client(base_url=process.stdout.readline().decode().strip(), timeout=30) as http:
            yield http, said
        process.terminate()


@pytest.mark.parametrize("path", ROUTES)
def test_json_that_is_nested_deep_is_refused_on_every_route_without_a_traceback(path, overheard):
    client, said = overheard
    for raw in (
        b"[" * DEEP,
        b'{"x": ' * DEEP,
        b'{"x": ' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"items": [{"id": "a", "vector": [1], "metadata": {"x": ' + b"[" * DEEP,
        b'{"model": "qwen2.5", "messages": [], "format": {"properties": ' + b"[" * DEEP,
    ):
        refused(client.post(path, content=raw), 400, "body")
    assert client.get("/health").status_code == 200
    assert said.read_text() == ""


def chat(client, content, **schema):
    body = {"model": "qwen2.5", "messages": [{"role": "user", "content": content}]}
    return client.post(CHAT, json=body | {"format": {"properties": schema}})


def test_a_hit_that_is_nested_deep_is_judged_or_not_but_no_fault(overheard):
    client, said = overheard
    for depth in (500, 900, 990, DEEP):
        hit = '{"metadata": ' + "[" * depth + '"welder"' + "]" * depth + "}"
        answer = chat(client, f'{{"body": "Need a welder", "hit": {hit}}}', rating={})
        assert answer.status_code == 200, answer.text
    assert said.read_text() == ""


def search(**more):
    return SEARCH, {"query_text": QUERY, "corpora": ["workers"], "k": 8} | more


def record(**more):
    body = {"query_text": QUERY, "answer_id": "w-1", "answer_corpus": "workers", "score": 1.0}
    return RECORD, body | {"corpus": "bounds"} | more


def item(**more):
    return ADD, {"items": [{"id": "x", "vector": ONES} | more]}


def message(**more):
    return INBOX, {"type": "email", "sender": "a", "subject": "s", "body": "b"} | more


def nested(levels):
    return {"x": nested(levels - 1)} if levels else {}


def request(**more):
    return CHAT, {"model": "qwen2.5", "messages": [{"role": "user", "content": "x"}]} | more


LONG_NAME = "x" * (LONGEST_NAME + 1)
LONG_TEXT = "x" * (LONGEST_TEXT + 1)
BEYOND = {
    "texts": (EMBED, {"texts": ["ab"] * 300_000}),
    "one text more": (EMBED, {"texts": ["ab"] * (MOST + 1)}),
    "text": (EMBED, {"texts": ["ab", LONG_TEXT]}),
    "query_text": search(query_text=LONG_TEXT),
    "corpora": search(corpora=["workers"] * (MOST_CORPORA + 1)),
    "corpus name": search(corpora=[LONG_NAME]),
    "playbook_corpus": search(use_playbook=True, playbook_corpus=LONG_NAME),
    "exclude_ids": search(exclude_ids=[LONG_NAME]),
    "query_role": search(query_role=LONG_NAME),
    "k": search(k=2**70),
    "recorded query": record(query_text=LONG_TEXT),
    "answer_id": record(answer_id=LONG_NAME),
    "namespace": record(corpus=LONG_NAME),
    "tags": record(tags=["x"] * (MOST + 1)),
    "sender": message(sender=LONG_NAME),
    "subject": message(subject=LONG_TEXT),
    "index": (INDEX, {"name": LONG_NAME, "dimension": DIMENSION}),
    "dimension": (INDEX, {"name": "x", "dimension": 2**70}),
    "items": (ADD, {"items": [{"id": "x", "vector": []}] * (MOST + 1)}),
    "item id": item(id=LONG_NAME),
    "vector": item(vector=[1] * 100_000),
    "metadata": item(metadata={"x": "y" * LARGEST_METADATA_BYTES}),
    "metadata depth": item(metadata=nested(DEEPEST_METADATA + 1)),
    "metadata depth that no stack holds": item(metadata=nested(800)),
    "content": request(messages=[{"role": "user", "content": "x" * 100_000}]),
    "messages": request(messages=[{"role": "user", "content": "x"}] * (MOST + 1)),
    "model": request(model=LONG_NAME),
}


@pytest.mark.parametrize(("path", "body"), BEYOND.values(), ids=BEYOND)
def test_more_than_makes_sense_is_refused(path, body, client):
    refused(client.post(path, json=body), 400)


WITHIN = {
    "texts": (EMBED, {"texts": ["ab"] * MOST}),
    "text": (EMBED, {"texts": ["x" * LONGEST_TEXT]}),
    "query_text": search(query_text="x " * (LONGEST_TEXT // 2)),
    "message": request(messages=[{"role": "user", "content": "x" * 60_000}]),
    "metadata": (
        f"{INDEX}/bounds/add",
        {"items": [item(metadata=nested(DEEPEST_METADATA - 1))[1]["items"][0]]},
    ),
    "many items": (
        f"{INDEX}/bounds/add",
        {"items": [{"id": str(n), "vector": [n + 1 / 3] * DIMENSION} for n in range(MOST)]},
    ),
}


@pytest.mark.parametrize(("path", "body"), WITHIN.values(), ids=WITHIN)
def test_as_much_as_is_allowed_is_taken(path, body, client):
    client.post(INDEX, json={"name": "bounds", "dimension": DIMENSION})
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text


def raw_answer(url, pieces):
    """What comes back for ``pieces``, of which no more are sent once something does."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
        for piece in pieces:
            with suppress(ConnectionError):
                connection.sendall(piece)
            if select.select([connection], [], [], 0)[0]:
                break
        answer = b""
        with suppress(ConnectionError):
            while part := connection.recv(65536):
                answer += part
    return answer


START = b"POST /v1/embed HTTP/1.1\r\nHost: x\r\n"
MEGABYTE = b"x" * 1_000_000
HEADS = {
    "one header of 50 MB": [START + b"X: ", *[MEGABYTE] * 50],
    "50 MB of headers": [START, *[b"X: y\r\n" * 200_000] * 50],
    "a path of 50 MB": [b"GET /", *[MEGABYTE] * 50],
    "50 MB of trailers": [
        START + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
        *[b"X: y\r\n" * 200_000] * 50,
    ],
    "a whole head of 200 kB": [START + b"X: " + b"x" * 200_000 + b"\r\n\r\n"],
}


@pytest.mark.parametrize("pieces", HEADS.values(), ids=HEADS)
def test_headers_beyond_all_reason_are_refused_before_they_are_read_whole(pieces, stack, client):
    client.get("/health")
    process = psutil.Process(stack.pid)
    before = process.memory_info().rss
    answer = raw_answer(stack.url, pieces)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n"), answer[:200]
    assert body == b'{"error":"headers: over 65536 bytes"}'
    assert process.memory_info().rss - before < 20_000_000
    assert client.get("/health").status_code == 200


def test_what_is_no_http_is_refused_in_json_too(stack):
    answer = raw_answer(stack.url, [b"SSH-2.0-OpenSSH_9.6\r\n\r\n"])
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json")
    assert answer.endswith(b'{"error":"Invalid HTTP request received."}')


def words(seed, letters):
    """Words that nobody has seen: they cost the most to embed."""
    draw = random.Random(seed)
    made = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=12)) for _ in range(letters // 13)]
    return " ".join(made)


def test_others_are_answered_between_any_two_texts_that_take_long(stack, client):
    texts = [words(number, 2_000) for number in range(500)]
    with httpx.Client(base_url=stack.url, timeout=120) as busy:
        work = gevent.spawn(busy.post, EMBED, json={"texts": texts})
        gevent.sleep(0)
        answered = 0
        while not work.ready():
            assert client.get("/health").status_code == 200
            answered += 1
        assert work.get().status_code == 200
    assert answered >= 50


def test_work_for_a_client_that_went_away_stops(stack, client):
    texts = [words(number, 2_000) for number in range(2_000, 2_400)]
    process = psutil.Process(stack.pid)

    def cpu_s():
        return sum(process.cpu_times()[:2])

    begin_s = cpu_s()
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(stack.url + EMBED, json={"texts": texts}, timeout=0.2)
    gone_s = cpu_s()
    assert gone_s > begin_s
    until(lambda: process.status() == psutil.STATUS_SLEEPING, 60)  # its loop has nothing to do
    used_s = cpu_s()
    client.post(EMBED, json={"texts": texts}, timeout=120)
    whole_s = cpu_s() - used_s
    assert used_s - gone_s < whole_s / 3


@pytest.mark.parametrize(
    "content",
    ["in " + "A" * 60_000, "welder " * 9_000, "3" + " " * 60_000, "4 welder " * 7_000],
    ids=["capitals", "titles", "blanks", "numbers"],
)
def test_no_message_takes_more_than_its_length_to_read(content, client):
    """Nor more than the client waits: with time that grows with its square, it would be minutes."""
    for schema in ({"role": {}, "count": {}}, {"paraphrase": {}}):
        assert chat(client, content, **schema).status_code == 200
