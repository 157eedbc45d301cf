"""What services make of a token is blanked, in an answer and in what is said of it."""

import base64
import html
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tcp.raw_server import RawServer, answer, script

from mcstress.services.failure_reason import status_fault
from mcstress.services.http.blanking import blank_text, blanker
from mcstress.services.http.transport import Reply

TOKENS = ["sesame-1234/+~", "sk-live-7f3c9a0b2d4e6f8a1b2c", "eyJhbGciOi.J9/x+" * 40, "12345678"]
VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=12, max_size=90)


def each_char(form):
    return lambda token: "".join(form.format(ord(letter)) for letter in token)


def based(encode, before):
    return lambda token: encode(f"{before}{token}".encode()).decode()


SHAPES = {
    "as it is": str,
    "URL": lambda token: quote(token, safe=""),
    "URL, small": lambda token: "".join(f"%{ord(letter):02x}" for letter in token),
    "URL, large": lambda token: "".join(f"%{ord(letter):02X}" for letter in token),
    "URL, twice": lambda token: quote(quote(token, safe=""), safe=""),
    "JSON": each_char("\\u{:04x}"),
    "JSON, large": each_char("\\u{:04X}"),
    "JSON, twice": each_char("\\\\u{:04x}"),
    "JSON, first": lambda token: f"\\u{ord(token[0]):04x}{token[1:]}",
    "JSON, slash": lambda token: token.replace("/", "\\/"),
    "hexadecimal": each_char("\\x{:02x}"),
    "HTML": each_char("&#{};"),
    "HTML, x": each_char("&#x{:X};"),
    "HTML, twice": lambda token: html.escape(each_char("&#{};")(token)),
    "base64": based(base64.b64encode, ""),
    "base64 of the header": based(base64.b64encode, "Bearer "),
    "base64 of a line": based(base64.b64encode, "Authorization: Bearer "),
    "base64 for URLs": based(base64.urlsafe_b64encode, "user:"),
    "base64 in lines": based(base64.encodebytes, "Bearer "),
    "base64 in JSON": lambda token: json.dumps(based(base64.encodebytes, "x")(token)),
    "base64 quoted": lambda token: quote(based(base64.b64encode, "a" * 8)(token), safe=""),
}


def traces(token):
    """What would give a long piece of the token away, in any of the shapes."""
    piece = token[2 : 2 + 8]
    return {shape(piece) for name, shape in SHAPES.items() if "base64" not in name} | {
        base64.b64encode(bytes(shift) + token.encode())[8:16].decode() for shift in range(3)
    }


@pytest.mark.parametrize("token", TOKENS, ids=len)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_shape_is_blanked_and_nothing_around_it(token, shape):
    body = f"who is <{shape(token)}>, and why"
    blanked = blanker(token).blank(body.encode()).decode()
    assert blanked.startswith("who is <")
    assert blanked.endswith(">, and why")
    assert "[token]" in blanked
    assert not [each for each in traces(token) if each in blanked]


@settings(max_examples=50)
@given(token=VISIBLE, before=st.text(max_size=5), after=st.text(max_size=5))
def test_any_token_in_any_shape(token, before, after):
    for shape in SHAPES.values():
        blanked = blanker(token).blank(f"{before} {shape(token)} {after}".encode()).decode()
        assert shape(token) not in blanked


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"name": "Jörg & Söhne", "url": "/a%20b?x=%C3%BC", "id": "sesame-12"}),
        base64.b64encode(bytes(range(256))).decode(),
        "",
    ],
)
def test_what_holds_no_token_stays(body):
    assert blanker(TOKENS[0]).blank(body.encode()) == body.encode()


RUNS = {
    "backslashes": "\\",
    "backslashes and breaks": "\\\\n",
    "quoted signs": "25",
    "quoted entities": "amp;",
    "zeros": "0",
    "line breaks": "\n",
    "starts of base64": "c2VzYW1l",
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("begin", ["", "%", "%25", "&", "&#", "&#x", "\\u0073", "c2Vz", "s"])
def test_a_long_run_takes_time_by_its_length_alone(run, begin):
    blank = blanker(TOKENS[0]).blank
    body = f"\\u0073 %73 {begin}{run * (100_000 // len(run))}".encode()
    start = time.process_time()
    assert blank(body) == body
    # By the square of its length it was minutes.
    assert time.process_time() - start < 2


def test_a_content_type_is_cut_before_it_is_searched():
    blanker(TOKENS[0])
    reply = Reply(500, b"", b"HTTP/1.1 500 x\r\nContent-Type: " + b"\\u0073" * 10_000)
    start = time.process_time()
    assert status_fault(reply).startswith("HTTP 500 (")
    assert time.process_time() - start < 2


def test_what_is_too_short_for_a_secret_stays():
    assert blanker("workers").blank(b"workers") == b"workers"


def test_an_answer_and_its_content_type_are_blanked(transport_to):
    token = "very/secret+1"
    shown = based(base64.b64encode, "Bearer ")(token)
    with RawServer(
        script(
            [answer({"error": f"bad {shown}"}, "401 x")],
            [answer("no", "401 x", content_type=f"text/{token}")],
            [answer({"results": [quote(token, safe="")]})],
        )
    ) as server:
        transport = transport_to(server, headers={"Authorization": f"Bearer {token}"})
        replies = [transport.get("/") for _ in range(3)]
    assert status_fault(replies[0]) == "HTTP 401: bad QmVhcmVyI[token]"
    assert status_fault(replies[1]) == "HTTP 401 (text/[token])"
    assert json.loads(replies[2].body) == {"results": ["[token]"]}
    assert blank_text(f"x {token} \udc80") == "x [token] \udc80"
