"""What leaves the machine in traces: without phone numbers and addresses, or without bodies."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial

import msgspec
import pytest
from free_ports import free_port
from hypothesis import example, given
from hypothesis import strategies as st
from langfuse_standin import PUBLIC_KEY, SECRET_KEY, StandIn
from trace_rounds import RUN, balanced, event, observation, step

from mcstress.services.gateway import schema as wire
from mcstress.services.llm import ollama_schema as wire_llm
from mcstress.services.llm.language_model import Judgement, schema_of
from mcstress.tracing.langfuse.settings import LangfuseSettings
from mcstress.tracing.mask import Masker, anything, said
from mcstress.tracing.observation import Score
from mcstress.tracing.personal_data import masked
from mcstress.tracing.spool.replay import replay
from mcstress.tracing.trace import LEVELS, Trace
from mcstress.users.scenarios.load import load_scenario

SCENARIO = load_scenario("three_cities")
MESSAGES = [message for variant in SCENARIO.variants for message in variant.inbox]
SENTINEL = "sentinel in a body"
PHONE = "call 414-555-0134 now"


def settings(url):
    """The stand-in's keys at ``url``."""
    return LangfuseSettings(url, PUBLIC_KEY, SECRET_KEY)


def run_with(mask):
    """The run of the tests, masked otherwise."""
    return msgspec.structs.replace(RUN, mask=mask)


FOUND = {
    "[phone]": [
        "414-555-0134", "(414) 555-0134", "(414)5550134", "414.555.0134", "414 555 0134",
        "4145550134", "14145550134", "1-414-555-0134", "+1 414 555 0117", "+14145550117",
        "414/555-0134", "555-0134", "+49 30 1234567", "+44 (0)20 7946 0958", "0049 30 123456",
        "020 7946 0958", "06 12 34 56 78", "089/12345678", "414\u2011555\u20110134",
        "414\xa0555\xa00134",
    ],
    "[email]": [
        "bob@x.example", "o'neil+jobs@mail.x.co.uk", "a_b-c%d@x-y.example", "1@2.3",
        "müller@bücher.example",
    ],
    "[ssn]": ["123-45-6789", "123 45 6789"],
    "[card]": [
        "4111 1111 1111 1111", "5555-5555-5555-4444", "4111111111111111", "378282246310005",
        "3782 822463 10005",
    ],
}  # fmt: skip
AROUND = ["{}", "Call {}.", "({})", "{}, or", "a\n{}", "a\\n{}", "mailto:{}", "“{}”", "<{}>"]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in FOUND.items() for text in texts]
)
def test_what_is_found(kind, text, around):
    assert masked(around.format(text)) == around.format(kind)


LEFT = [
    "", "12 workers, 8 to 5, for 3 weeks", "2026-11-28T20:17:26.123456Z", "01.02.2026 14:30",
    "0.1234567890123456", "w-4145550134", "w_4145550134", "a4145550134b", "1785000000",
    "1785000000000000000", "4111111111111112", "12345678901234567890", "53202-1234",
    "ISO 9001-2015", "NFPA 70E, OSHA 30", "@alice at 5 @ $20", "a@b", "$1,250,000", "1.2.3.4:8080",
    "550e8400-e29b-41d4-a716-446655440000", "K 8, seed 42",
    "00-0af7651916cd43dd8448eb211c80319c-01",
]  # fmt: skip


@pytest.mark.parametrize("text", LEFT)
def test_what_is_left(text):
    assert masked(text) == text


LONG = [
    "+" + "1" * 100_000, "a." * 50_000 + "@", "0 " * 50_000, "@" * 9999, "(" * 100_000,
    "a@b." * 30_000, "1-" * 50_000, "1" * 100_000, "(1)" * 30_000, "+1 " * 30_000,
]  # fmt: skip


@pytest.mark.parametrize("text", LONG)
def test_no_text_takes_long(text):
    assert len(masked(text)) < 3 * len(text)
    body = json.dumps({"content": text})
    assert json.loads(said(body)) == {"content": masked(text)}
    assert anything(f"[{text}").count("[") < len(text)


def inbox_step(message):
    """The step with which a message of the scenario is recorded."""
    request = wire.InboxRequest(
        type=message.type,
        sender=message.sender,
        subject=message.subject,
        body=message.body,
        priority=message.priority,
    )
    return step(
        "observerd.inbox.record", request=wire.encode(request), response=b'{"id": "in-4145550134"}'
    )


def chat_step(name, system, text, answer="{}", **details):
    """A step of an LLM that is told ``text``."""
    messages = [wire_llm.ChatMessage("system", system), wire_llm.ChatMessage("user", text)]
    options = wire_llm.ChatOptions(0, 42)
    schema = schema_of(Judgement)
    request = wire_llm.ChatRequest("qwen2.5", messages, schema, options)
    reply = {
        "model": "qwen2.5:7b",
        "created_at": "2026-11-28T20:17:26.123456Z",
        "message": {"role": "assistant", "content": answer},
        "total_duration": 4145550134,
        "prompt_eval_count": 71,
        "eval_count": 19,
    }
    response = details.pop("response", json.dumps(reply).encode())
    return step(name, request=wire.encode(request), response=response, **details)


def test_the_messages_of_the_scenario(newest, trace_to):
    """Every sender is masked; what they say, with their names, is as it was."""
    tracer = trace_to(newest.url)
    ask = partial(chat_step, "llm.parse_demand", SCENARIO.prompts.parse)
    steps = [(message, inbox_step(message), ask(message.body)) for message in MESSAGES]
    for number, (_, recorded, parsed) in enumerate(steps):
        tracer.record(event("inbox", number=number), [recorded, parsed])
    assert tracer.finish(60).delivered == 2 * len(MESSAGES) >= 40
    for message, recorded, parsed in steps:
        stored = newest.observations[recorded.span_id]
        sent = json.loads(stored["input"])
        assert sent["sender"] == ("[email]" if "@" in message.sender else "[phone]")
        assert (sent["subject"], sent["body"]) == (message.subject, message.body)
        assert stored["output"] == '{"id": "in-4145550134"}'
        assert newest.observations[parsed.span_id]["input"] == parsed.request.decode()
    everything = json.dumps(newest.state()["observations"])
    assert not [message.sender for message in MESSAGES if message.sender in everything]


def test_the_resumes_and_queries_of_the_scenario_are_as_they_were():
    texts = [resume.text for variant in SCENARIO.variants for resume in variant.resumes]
    for variant in SCENARIO.variants:
        for contract in variant.contracts:
            texts += [demand.query for demand in contract.demands]
    assert len(texts) > 100
    assert [masked(text) for text in texts] == texts


def sent(standin, done):
    """Input and output of a step as they were sent."""
    stored = standin.observations[done.span_id]
    return stored["input"], stored["output"]


def test_only_what_somebody_says_is_masked(newest, trace_to):
    hit = {
        "id": "414-555-0134",
        "corpus": "w",
        "distance": 0.1,
        "metadata": {"tel": "414-555-0134"},
    }
    answer = json.dumps({"results": [hit]}).encode()
    query = {"query_text": PHONE, "corpora": ["w-414-555-0134"], "exclude_ids": ["414-555-0134"]}
    record = {"query_text": "bob@x.example", "answer_id": "414-555-0134", "tags": ["414-555-0134"]}
    item = {"id": "414-555-0134", "vector": [0.1], "metadata": {"phone": "414-555-0134"}}
    question = json.dumps({"body": f"Hi,\n{PHONE}", "hit": hit})
    steps = {
        "query": step("matrix.search", request=json.dumps(query).encode(), response=answer),
        "record": step("playbook.record", request=json.dumps(record).encode(), response=b"{}"),
        "embed": step("embed", request=b'{"texts": ["a@b.example", "414-555-0134"]}'),
        "add": step("index.add", request=json.dumps({"items": [item]}).encode()),
        "judge": chat_step("llm.judge_top1", "Judge.", question, f'{{"reason": "{PHONE}"}}'),
    }
    tracer = trace_to(newest.url)
    tracer.record(event("inbox"), list(steps.values()))
    tracer.finish(60)
    assert json.loads(sent(newest, steps["query"])[0]) == query | {"query_text": "call [phone] now"}
    assert sent(newest, steps["query"])[1] == answer.decode()
    assert json.loads(sent(newest, steps["record"])[0]) == record | {"query_text": "[email]"}
    assert json.loads(sent(newest, steps["embed"])[0]) == {"texts": ["[email]", "[phone]"]}
    assert json.loads(sent(newest, steps["add"])[0]) == {"items": [item]}
    asked, answered = map(json.loads, sent(newest, steps["judge"]))
    told = json.loads(asked["messages"][1]["content"])
    assert told == {"body": "Hi,\ncall [phone] now", "hit": hit}
    assert answered["message"]["content"] == '{"reason": "call [phone] now"}'
    assert answered["total_duration"] == 4145550134


@pytest.mark.parametrize(
    ("request_body", "expected"),
    [
        (b'{"query_text": "a\\n414-555-0134"}', "a\n[phone]"),
        (b'{"query_text":"x\\u0040y.example"}', "[email]"),
        (b'{"query_text":"\\u0034\\u0031\\u0034-555-0134"}', "[phone]"),
        (b'{"query_text" : "414\\u2011555\\u20110134 \\ud83d\\ude00"}', "[phone] \U0001f600"),
        (b'{"query_text":"\\ud83d 414-555-0134"}', "\ud83d [phone]"),
        (b'{"query_text":"say \\"414-555-0134\\""}', 'say "[phone]"'),
        (b'{"query_text":"\xc3\xbc 414-555-0134"}', "ü [phone]"),
    ],
)
def test_json_spells_as_it_likes(newest, trace_to, request_body, expected):
    tracer = trace_to(newest.url)
    done = step("matrix.search", request=request_body)
    tracer.record(event("surge"), [done])
    assert tracer.finish(60).delivered == 1
    assert json.loads(sent(newest, done)[0]) == {"query_text": expected}


texts = st.text() | st.sampled_from([text for texts in FOUND.values() for text in texts]) | st.just(
    '\\n414-555-0134 " \\ a@b.example'
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["body", "content", "id", "x", "metadata"]), inner)
    ),
)


def strings_of(value, *, of=lambda _key: True, key=""):
    """Every string in a JSON value under a key that ``of`` takes."""
    if isinstance(value, str):
        return [value] if of(key) else []
    parts = value.items() if isinstance(value, dict) else ()
    parts = [(key, each) for each in value] if isinstance(value, list) else parts
    return [text for key, part in parts for text in strings_of(part, of=of, key=key)]


@given(values, st.booleans())
@example({"id": "414-555-0134", "x": ["a@b.example"]}, True)
def test_json_stays_json_and_says_what_it_said(value, ascii_):
    text = json.dumps({"content": value}, ensure_ascii=ascii_)
    with suppress(UnicodeEncodeError):
        text.encode()
        for mask in (said, anything):
            found = json.loads(mask(text))
            assert len(strings_of(found)) == len(strings_of(json.loads(text)))
        content = strings_of(json.loads(said(text)), of=lambda key: key in {"content", "body"})
        before = strings_of(json.loads(text), of=lambda key: key in {"content", "body"})
        direct = isinstance(value, str)
        if direct:
            assert content == [masked(each) for each in before]


def test_a_body_that_is_cut_leaves_no_part_of_a_number(newest, trace_to):
    tracer = trace_to(newest.url, limits={"body_bytes": 100})
    for length in range(60, 100):
        text = "x" * length + " 414-555-0134 bob@mail.example"
        for name in ("matrix.search", "of ones own"):
            body = json.dumps({"query_text": text}).encode()
            tracer.record(event("surge", number=length), [step(name, request=body, response=b"")])
    tracer.finish(60)
    assert len(newest.observations) == 80
    for each in newest.observations.values():
        assert "[cut: 100 of" in each["input"]
        assert "414" not in each["input"].replace("414 bytes", "")
        assert "bob" not in each["input"]


def test_what_users_add_themselves(standin, trace_to):
    tracer = trace_to(standin.url)
    done = step("work of ones own", request=PHONE.encode(), response=b'["bob@x.example"]')
    fired = event("inbox")
    tracer.record(fired, [done])
    tracer.score("note", "pass", trace_id=fired.trace_id, comment=PHONE)
    assert balanced(tracer.finish(60))
    (stored,) = standin.observations.values()
    assert (stored["input"], stored["output"]) == ("call [phone] now", '["[email]"]')
    assert [each["comment"] for each in standin.scores.values()] == ["call [phone] now"]
    assert (done.request, done.response) == (PHONE.encode(), b'["bob@x.example"]')


@pytest.mark.parametrize("level", LEVELS)
def test_each_level(standin, trace_to, level):
    tracer = trace_to(standin.url, run=run_with(level))
    done = chat_step("llm.judge_top1", "Judge.", f"{SENTINEL}: {PHONE}", SENTINEL)
    refused = step("matrix.search", error=f"HTTP 422: {SENTINEL}", response=SENTINEL.encode())
    tracer.record(event("inbox"), [done, refused])
    assert balanced(tracer.finish(60))
    everything = json.dumps(standin.state())
    assert ("414-555-0134" in everything) == (level == "off")
    assert (SENTINEL in everything) == (level != "strict")
    stored = standin.observations[done.span_id]
    assert (stored["model"], stored["usage"]) == ("qwen2.5:7b", {"input": 71, "output": 19})
    assert {trace["metadata"]["mask"] for trace in standin.traces.values()} == {level}
    if level == "strict":
        said_of = f"[{len(done.request):,} characters, not sent: --mask strict]"
        assert stored["input"] == said_of
        assert standin.observations[refused.span_id]["message"] == "HTTP 422"


@pytest.mark.parametrize("body_bytes", [1 << 16, 250])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("asked", [None, *LEVELS])
def test_a_spool_is_whole_and_a_replay_masks_as_the_run_did(trace_to, level, asked, body_bytes):
    limits = {"body_bytes": body_bytes}
    url = f"http://127.0.0.1:{free_port()}"
    tracer = trace_to(url, run=run_with(level), limits=limits)
    request = json.dumps({"query_text": PHONE, "more": "x" * 50, "corpora": [SENTINEL]}).encode()
    done = step("matrix.search", request=request, response=b"x" * 300, error="HTTP 502")
    tracer.record(event("inbox"), [done])
    own = step("ones own", request=f"{SENTINEL} {PHONE}".encode(), response=b"")
    tracer.record(event("inbox", number=2), [own])
    assert tracer.finish(1).spooled == 2
    assert tracer._spool_path.read_text().count(PHONE) == 2
    with StandIn() as standin:
        assert replay(tracer._spool_path, settings(standin.url), mask=asked).delivered == 2
        everything = json.dumps(standin.observations)
        found = (everything.count(PHONE), everything.count(SENTINEL))
        assert found == {"off": (2, 2), "on": (0, 2), "strict": (0, 0)}[asked or level]
        assert standin.faults == []


def test_a_spool_of_before_is_masked():
    trace = Trace.of_phase(RUN, 1, 1, "surge")
    del trace.metadata["mask"]
    old = msgspec.structs.replace(observation("x", input=PHONE), trace=trace)
    assert Masker().entry(old).input == "call [phone] now"
    assert Masker("off").entry(old) is old
    score = Score(name="x", value=1.0, comment=PHONE)
    assert Masker().entry(score).comment == "call [phone] now"
    assert Masker("off").entry(score) is score


def test_a_fault_in_masking_sends_nothing(newest, trace_to, monkeypatch):
    monkeypatch.setattr(Masker, "entry", lambda *_: 1 / 0)
    tracer = trace_to(newest.url)
    tracer.record(event("surge"), [step("matrix.search")])
    counts = tracer.finish(60)
    assert balanced(counts)
    assert counts.delivered == 0
    assert newest.observations == {}
