"""What is spooled of a step says, read back, what would have been sent of it."""

from __future__ import annotations

import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trace_rounds import RUN, chat_bodies, event, step

from mcstress.tracing.entries import EntryFactory
from mcstress.tracing.notices import ErrorBoundary, ThrottledWarnings
from mcstress.tracing.observation_of_step import Translator
from mcstress.tracing.spool.line import entry_of
from mcstress.tracing.traced_step import TracedStep

BODY_BYTES = 200
TRANSLATOR = Translator(RUN, BODY_BYTES)
ENTRIES = EntryFactory(TRANSLATOR, ErrorBoundary(ThrottledWarnings(str)))
WHOLE = Translator(RUN, 1 << 20)
ENTRIES_WHOLE = EntryFactory(WHOLE, ErrorBoundary(ThrottledWarnings(str)))

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)
documents = st.builds(
    lambda value, indent, ascii_: json.dumps(value, indent=indent, ensure_ascii=ascii_).encode(
        "utf-8", "surrogatepass"
    ),
    st.dictionaries(st.text(), values, max_size=4) | st.lists(values, max_size=4),
    st.sampled_from([None, 1]),
    st.booleans(),
)
bodies = st.one_of(documents, st.binary(max_size=300), st.text().map(lambda text: text.encode()))


def said(text):
    """A text, or the JSON that it is, in which blanks say nothing."""
    with suppress(TypeError, ValueError):
        return json.loads(text)
    return text


def spooled(traced):
    """What is made of a step that was spooled."""
    line = ENTRIES.line(traced)
    assert b"\n" not in line
    json.loads(line)
    return entry_of(line)


@given(bodies)
def test_any_body_comes_back(response):
    answered = True
    try:
        msgspec.json.decode(response, type=dict | list)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answered = False
    answer = {} if answered else None
    done = step("matrix.search", request=b"{}", response=response, answer=answer, error="\ud800")
    traced = TracedStep.of(event("surge"), done, "w1")
    found, sent = spooled(traced), TRANSLATOR.observation(traced)
    assert said(found.output) == said(sent.output)
    found.output = sent.output
    assert found == sent


@pytest.mark.parametrize(
    "details",
    [
        {"error": "HTTP 502", "response": b"<h1>Bad gateway</h1>\n", "status": 502},
        {"unparseable": "no rating", "queue_ms": 12.5},
        {"span_id": "", "url": "http://u:p@h:1/x?key=1"},
        {"response": b""},
    ],
)
def test_all_that_is_said_of_a_step_comes_back(details):
    fired = event("handover", arm="memory", namespace="playbook_alice", outcome="failed")
    traced = TracedStep.of(fired, step("llm.judge_top1", **details), "w1")
    assert spooled(traced) == TRANSLATOR.observation(traced)


def test_a_body_is_json_in_the_line_where_it_can_be():
    request, response = chat_bodies()
    done = step("llm.judge_top1", request=request, response=response, answer=4)
    content = json.loads(ENTRIES.line(TracedStep.of(event("inbox"), done, "w1")))
    assert content["is"] == "step"
    assert content["run"]["uid"] == RUN.uid
    assert content["response"] == json.loads(response)


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("body", [b'{"a": "\xff"}', b'["\xc3"]', b'{"a": "\xc3\xbc"}'])
def test_a_body_that_is_no_text_is_one_with_marks_in_the_line(body, answered):
    """Nothing of the line may be what no reader of JSON takes."""
    traced = TracedStep.of(event("surge"), step("matrix.search", response=body), "w1")
    traced.answered = answered
    assert spooled(traced).output == body.decode("utf-8", "replace")


def test_a_long_body_is_cut_once():
    body = json.dumps({"text": "x" * 5000}).encode()
    traced = TracedStep.of(event("surge"), step("matrix.search", response=body, answer=1), "w1")
    assert spooled(traced) == TRANSLATOR.observation(traced)
    assert spooled(traced).output.endswith(f"… [cut: {BODY_BYTES} of {len(body)} bytes]")


@pytest.mark.parametrize("long", ["request", "response"])
def test_a_generation_keeps_its_model_and_tokens_though_a_body_is_cut(long):
    bodies = dict(zip(("request", "response"), chat_bodies(), strict=True))
    bodies[long] = bodies[long][:-1] + b', "more": "' + b"x" * 5000 + b'"}'
    traced = TracedStep.of(event("inbox"), step("llm.judge_top1", **bodies, answer=4), "w1")
    assert spooled(traced) == TRANSLATOR.observation(traced)
    assert (spooled(traced).model, spooled(traced).usage["input"]) == ("qwen2.5", 71)


@pytest.mark.parametrize("request_body", [b"hello", b"{half", b' "x"', b"null", b"\xff"])
def test_a_request_need_not_be_json(request_body):
    done = step("matrix.search", request=request_body, response=b' "x"', answer="x")
    traced = TracedStep.of(event("surge"), done, "w1")
    assert spooled(traced) == TRANSLATOR.observation(traced)


@pytest.mark.parametrize("depth", [900, 5000])
def test_an_answer_nested_too_deeply_for_anybody_spoils_no_spool(depth):
    deep = b'{"x":' + b"[" * depth + b"]" * depth + b"}"
    done = step("llm.judge_top1", response=deep, error="nested too deeply")
    traced = TracedStep.of(event("inbox"), done, "w1")
    found = entry_of(ENTRIES_WHOLE.line(traced))
    assert found == WHOLE.observation(traced)


@pytest.mark.parametrize("text", [rb"\ud83d", rb"cut \ud83d", rb"\ud83d\ude00", rb"\\ud83d"])
def test_an_answer_with_half_a_surrogate_spoils_no_spool(text):
    """It is read all the same (services.lenient_decoding), and must be read back."""
    answered = b'{"results": [{"id": "w-1", "metadata": {"snippet": "%b"}}]}' % text
    done = step("matrix.search", response=answered, answer=1)
    traced = TracedStep.of(event("surge"), done, "w1")
    assert said(spooled(traced).output) == said(TRANSLATOR.observation(traced).output)


def test_a_generation_keeps_its_model_though_its_answer_holds_half_a_surrogate():
    bodies = dict(zip(("request", "response"), chat_bodies(), strict=True))
    bodies["response"] = bodies["response"][:-1] + rb', "more": "\ud83d"}'
    traced = TracedStep.of(event("inbox"), step("llm.judge_top1", **bodies, answer=4), "w1")
    assert (spooled(traced).model, spooled(traced).usage["input"]) == ("qwen2.5", 71)
