"""The border to the parser: whatever comes, a Reply or a TransportError, and never a hang."""

import itertools
from typing import NamedTuple

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tcp.raw_server import CLOSE, RawServer

from mcstress.errors import TransportError
from mcstress.services.http.parser import ReplyParser
from mcstress.services.http.transport import Reply, Transport

LIMIT_BYTES = 1 << 20
TOKENS = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ-", min_size=1, max_size=12)
VALUES = st.text("abc ;=/,0123456789\"'", max_size=30).map(str.strip)
INTERIM = b"HTTP/1.1 103 Early Hints\r\nContent-Type: no/no\r\nX: y\r\n\r\n"


class Sent(NamedTuple):
    """An answer in bytes, what it means, and whether only closing ends it."""

    data: bytes
    meaning: tuple[int, bytes, str]
    until_close: bool


@st.composite
def valid_answers(draw):
    """Answers in all framings, with interim answers, odd headers and trailers."""
    status = draw(st.sampled_from([200, 201, 400, 404, 409, 413, 500, 502, 599]))
    body = draw(st.binary(max_size=300))
    content_type = draw(st.sampled_from(["", "application/json", "text/html; charset=utf-8"]))
    own = draw(st.lists(st.tuples(TOKENS.map("X-".__add__), VALUES), max_size=4))
    headers = [f"{name}: {value}" for name, value in own]
    if content_type:
        headers.append(f"{draw(st.sampled_from(['Content-Type', 'content-type']))}:{content_type}")
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    if framing == "length":
        headers.append(f"Content-Length: {len(body)}")
    elif framing == "chunked":
        headers.append("Transfer-Encoding: chunked")
    draw(st.randoms()).shuffle(headers)
    head = "\r\n".join([f"HTTP/1.1 {status} Some Words", *headers]).encode() + b"\r\n\r\n"
    wire_body = draw(chunked(body)) if framing == "chunked" else body
    interims = INTERIM * draw(st.integers(0, 2))
    return Sent(interims + head + wire_body, (status, body, content_type), framing == "close")


@st.composite
def chunked(draw, body):
    """``body`` in chunks of any size, perhaps with trailers."""
    parts = []
    while body:
        size = draw(st.integers(1, len(body)))
        parts.append(b"%x\r\n%b\r\n" % (size, body[:size]))
        body = body[size:]
    trailers = draw(st.sampled_from([b"", b"Content-Type: no/no\r\n", b"X: 1\r\nY: 2\r\n"]))
    return b"".join(parts) + b"0\r\n" + trailers + b"\r\n"


@st.composite
def splits(draw, data):
    """``data`` in pieces, none of them empty."""
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(data) - 1)), max_size=12)))
    edges = [0, *cuts, len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


@st.composite
def damaged(draw):
    """A valid answer with bytes changed, removed, put in, repeated or cut off."""
    data = bytearray(draw(valid_answers()).data)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        cut = draw(st.integers(0, 8))
        data[place : place + cut] = draw(st.binary(max_size=8))
    return bytes(data)


def parse(pieces, parser=None):
    """What a connection would make of ``pieces`` and the end that follows."""
    parser = parser or ReplyParser()
    parser.begin(LIMIT_BYTES)
    for piece in pieces:
        parser.feed(piece)
        if parser.complete:
            return parser.reply()
    parser.end()
    return parser.reply()


def meaning(reply):
    """What a reply says."""
    return reply.status, reply.body, reply.content_type


def outcome_of(call):
    """The reply of ``call``, or the reason that there is none; any other exception goes through."""
    try:
        return call()
    except TransportError as error:
        return str(error)


@given(st.data())
def test_any_split_of_a_valid_answer_gives_the_same_reply(data):
    sent = data.draw(valid_answers())
    assert meaning(parse(data.draw(splits(sent.data)))) == sent.meaning


@given(st.data())
def test_one_parser_reads_answer_after_answer(data):
    parser = ReplyParser()
    for sent in data.draw(
        st.lists(valid_answers().filter(lambda s: not s.until_close), max_size=4)
    ):
        assert meaning(parse(data.draw(splits(sent.data)), parser)) == sent.meaning
        assert parser.keep_alive


@given(st.data())
def test_a_valid_answer_cut_anywhere_is_never_taken_for_whole(data):
    sent = data.draw(valid_answers().filter(lambda s: not s.until_close))
    cut = data.draw(st.integers(0, len(sent.data) - 1))
    with pytest.raises(TransportError):
        parse([sent.data[:cut]] if cut else [])


@given(st.one_of(st.binary(max_size=400), damaged()), st.data())
def test_any_bytes_give_a_reply_or_a_transport_error(noise, data):
    outcome = outcome_of(lambda: parse(data.draw(splits(noise)) if noise else []))
    assert isinstance(outcome, Reply) or outcome.isprintable()


@settings(max_examples=60)
@given(st.data())
def test_the_same_over_a_socket(data):
    sent = data.draw(valid_answers())
    pieces = data.draw(splits(sent.data))
    acts = [act for piece in pieces for act in (piece, 0.0)]
    with RawServer(lambda _: [*acts, CLOSE] if sent.until_close else acts) as server:
        transport = Transport(server.url, connect_timeout_s=5, timeout_s=5)
        assert [meaning(transport.post("/x", b"")) for _ in range(2)] == [sent.meaning] * 2
        assert server.connections == (2 if sent.until_close else 1)
        transport.close()


@settings(max_examples=60)
@given(st.one_of(st.binary(max_size=400), damaged()))
def test_any_bytes_over_a_socket(noise):
    with RawServer(lambda _: [noise, CLOSE]) as server, gevent.Timeout(60):
        transport = Transport(server.url, connect_timeout_s=5, timeout_s=5)
        for _ in range(2):
            outcome = outcome_of(lambda: transport.post("/x", b""))
            assert isinstance(outcome, Reply) or "time-out" not in outcome
        transport.close()
