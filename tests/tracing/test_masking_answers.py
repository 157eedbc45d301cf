"""What is masked of answers and messages that may be of any form: failed, cut, echoed."""

from __future__ import annotations

import json

import pytest
from trace_rounds import event, observation, round_events, step

from mcstress.tracing.mask import Masker, anything

PHONE = "call 414-555-0134 now"


def now():
    """A second of today."""
    begin = next(round_events())[1][0].start_s
    return begin, begin + 1


REFUSED = [
    (b'{"error": "no such query: call 414-555-0134"}', '{"error": "no such query: call [phone]"}'),
    (b"<h1>call 414-555-0134</h1>", "<h1>call [phone]</h1>"),
    (b'{"id": "414-555-0134", "x": ["a@b.example"]}', '{"id": "414-555-0134", "x": ["[email]"]}'),
    (b"[ERROR] call a@b.example or 555-123-4567", "[ERROR] call [email] or [phone]"),
    (b"{'detail': 'a@b.example'}", "{'detail': [email]'}"),
    (b'{"detail": "x"}\na@b.example', '{"detail": "x"}\n[email]'),
    (b'{"detail": "x"}\n{"y": "a\\u0040b.example"}', '{"detail": "x"}\n{"y": "[email]"}'),
    (b"{oops a@b.example", "{oops [email]"),
    (b'"half a string: a@b.example', '"half a string: [email]'),
    (b'{"n": 4145550134, "x": "a@b.example"}', '{"n": 4145550134, "x": "[email]"}'),
]


@pytest.mark.parametrize(("answer", "expected"), REFUSED)
@pytest.mark.parametrize("name", ["matrix.search", "llm.judge_top1", "ones.own"])
def test_a_failed_answer_may_say_what_it_was_asked(newest, trace_to, name, answer, expected):
    tracer = trace_to(newest.url)
    done = step(name, response=answer, status=422, error="HTTP 422: no such query: 414-555-0134")
    tracer.record(event("surge"), [done])
    tracer.finish(60)
    assert newest.observations[done.span_id]["output"] == expected
    assert newest.observations[done.span_id]["message"] == "HTTP 422: no such query: [phone]"


CUT = "… [cut: 100 of 414 bytes]"
CUT_BODIES = [
    ('{"n": 4145550134, "x": "a@b.example: and', '{"n": 4145550134, "x": "[email]: and'),
    ('{"n": 4145550134, "x": ["a@b.example"], "y": fal',
     '{"n": 4145550134, "x": ["[email]"], "y": fal'),
    ('{"n": 4145550134, "x": "a@b.example", "y": "\\ud',
     '{"n": 4145550134, "x": "[email]", "y": "\\ud'),
    ("{'x': 'a@b.example', 'and': 'more'", "{'x': [email]', 'and': 'more'"),
    ("[ERROR] a@b.example: no such mailbox here", "[ERROR] [email]: no such mailbox here"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), CUT_BODIES)
def test_of_a_body_that_was_cut_its_beginning_says_whether_it_is_json(body, expected):
    assert anything(f"{body}{CUT}") == f"{expected}{CUT}"


def test_no_depth_is_too_deep():
    assert anything("[" * 200_000 + "a@b.example").endswith("[[email]")


CLIPPED = [
    ("HTTP 422: no such mailbox: alice.smith@exampl…", "HTTP 422: no such mailbox: …"),
    ("HTTP 422: call alice at 555-123-45…", "HTTP 422: call alice at …"),
    ("HTTP 422: call +49 (0) 30 12…", "HTTP 422: call …"),
    ("HTTP 422: call 414-555-0134 or 414-5…", "HTTP 422: call [phone] or …"),
    ("HTTP 422: call 414-555-0134…", "HTTP 422: call [phone]…"),
    ("HTTP 422: no such query: warehouse work…", "HTTP 422: no such query: warehouse work…"),
    ("HTTP 422: of 8 queries: none", "HTTP 422: of 8 queries: none"),
]


@pytest.mark.parametrize(("message", "expected"), CLIPPED)
@pytest.mark.parametrize("name", ["matrix.search", "ones.own"])
def test_a_message_that_was_clipped_ends_with_no_half_of_a_number(name, message, expected):
    made = observation(name, message=message, level="ERROR")
    assert Masker().entry(made).message == expected
    assert Masker("strict").entry(made).message == "HTTP 422"
    other = observation(name, message=message.replace("HTTP", "status"))
    assert Masker("strict").entry(other).message == expected.replace("HTTP", "status")
    assert Masker("off").entry(made).message == message


@pytest.mark.parametrize("name", ["playbook.record", "observerd.inbox.record"])
def test_a_service_that_says_what_it_recorded_gives_nothing_away(newest, trace_to, name):
    answer = {"id": "414-555-0134", "recorded": {"sender": "a@b.example", "body": PHONE}}
    done = step(name, request=b"{}", response=json.dumps(answer).encode())
    tracer = trace_to(newest.url)
    tracer.record(event("inbox"), [done])
    assert tracer.finish(60).delivered == 1
    expected = {"id": "414-555-0134", "recorded": {"sender": "[email]", "body": "call [phone] now"}}
    assert json.loads(newest.observations[done.span_id]["output"]) == expected
