"""One round, as a server of each generation has it in the end."""

from __future__ import annotations

import hashlib
import json

import gevent
import pytest
from langfuse_standin import PROJECT, StandIn
from trace_rounds import (
    INBOX_STEPS,
    RUN,
    STEPS_OF_PHASE,
    STEPS_PER_ROUND,
    balanced,
    event,
    round_events,
    step,
    wait_for,
)

from mcstress.metrics.event import Scheduled, utc
from mcstress.metrics.phase import PHASES
from mcstress.services.trace_context import phase_trace_id

OTLP = ("3.225.0", "4.16.0")


def of_trace(standin, phase, trio=1, round_=1):
    """A phase's observations in the order of their start."""
    trace_id = phase_trace_id(RUN.uid, trio, round_, phase)
    found = [each for each in standin.observations.values() if each["trace"] == trace_id]
    return sorted(found, key=lambda each: each["start_s"])


def only(standin):
    """The only observation."""
    (observation,) = standin.observations.values()
    return observation


def test_a_round_is_ten_traces_with_every_step(standin, trace_to):
    tracer = trace_to(standin.url)
    for fired, steps in round_events():
        tracer.record(fired, steps)
    counts = tracer.finish(60)

    assert balanced(counts)
    assert (counts.made, counts.delivered) == (STEPS_PER_ROUND, STEPS_PER_ROUND)
    assert len(standin.observations) == STEPS_PER_ROUND
    assert all(each["received"] == 1 for each in standin.observations.values())
    assert len(standin.traces) == len(PHASES)
    for name, phase in PHASES.items():
        digest = hashlib.sha256(f"{RUN.uid}/1/1/{name}".encode()).digest()
        assert standin.traces[digest[:16].hex()] == {
            "name": phase.title,
            "tags": list(phase.tags),
            "session": RUN.uid,
            "user": "trio-1",
            "environment": "stress",
            "input": (
                f"Phase {phase.number}, {phase.words}: trio 1, round 1, run 007, "
                "scenario three_cities"
            ),
            "output": None,
            "metadata": {
                "run": "007",
                "scenario": "three_cities",
                "trio": "1",
                "round": "1",
                "phase": name,
                "mask": "on",
            },
        }
        events, steps = STEPS_OF_PHASE[name]
        assert [each["name"] for each in of_trace(standin, name)] == list(steps) * events


def test_the_inbox_trace_reads_by_itself(standin, trace_to):
    tracer = trace_to(standin.url)
    for fired, steps in round_events():
        tracer.record(fired, steps)
    tracer.finish(60)

    inbox = of_trace(standin, "inbox")
    assert len(inbox) == 24
    assert [each["name"] for each in inbox] == list(INBOX_STEPS) * 6
    assert all(each["input"] and each["output"] for each in inbox)
    for each in inbox:
        assert each["end_s"] - each["start_s"] == pytest.approx(0.0035, abs=1e-4)
        assert json.loads(each["output"])
    generations = [each for each in inbox if each["type"] == "GENERATION"]
    assert [each["name"] for each in generations] == ["llm.parse_demand", "llm.judge_top1"] * 6
    assert all(each["model"] == "qwen2.5" for each in generations)
    assert all(each["usage"] == {"input": 71, "output": 19} for each in generations)


def test_searches_are_retrievers_where_the_server_knows_them(standin, trace_to):
    tracer = trace_to(standin.url)
    tracer.record(event("surge"), [step("matrix.search")])
    tracer.finish(60)
    assert only(standin)["type"] == ("RETRIEVER" if standin.version_text in OTLP else "SPAN")


def test_what_an_observation_says_of_its_event(newest, trace_to):
    tracer = trace_to(newest.url)
    fired = event("handover", arm="memory", namespace="playbook_alice", outcome="failed", number=9)
    tracer.record(fired, [step("llm.judge_top1", queue_ms=12.5, url="http://u:p@h:1/api?key=x")])
    tracer.finish(60)
    assert only(newest)["metadata"] == {
        "coordinator": "alice",
        "contract": "alpha_milwaukee_distribution",
        "role": "warehouse worker",
        "arm": "memory",
        "namespace": "playbook_alice",
        "outcome": "failed",
        "event": "w1/9",
        "url": "http://h:1/api",
        "status": "200",
        "queue_ms": "12.500",
    }


def test_an_event_of_a_schedule_says_when_it_was_to_begin_and_how_late_it_was(newest, trace_to):
    tracer, intended = trace_to(newest.url), utc(1_800_000_000.25)
    fired = event("surge")
    fired.scheduled = Scheduled(
        intended=intended, offered_per_s=5.0, generator_ms=0.5, queue_ms=12.25
    )
    tracer.record(fired, [step("matrix.search")])
    tracer.finish(60)
    metadata = only(newest)["metadata"]
    assert metadata["intended"] == intended.isoformat()
    assert metadata["lateness_ms"] == "12.750"


LEVELS = [
    ({}, "DEFAULT", None),
    ({"error": "HTTP 502", "status": 502}, "ERROR", "HTTP 502"),
    ({"error": "kaputt: \udcff"}, "ERROR", "kaputt: ?"),
    ({"unparseable": "no JSON: Sicher!"}, "WARNING", "no JSON: Sicher!"),
]


def test_levels(standin, trace_to):
    tracer = trace_to(standin.url)
    steps = [step("llm.judge_top1", **details) for details, _, _ in LEVELS]
    tracer.record(event("inbox"), steps)
    assert balanced(tracer.finish(60))
    for done, (_, level, message) in zip(steps, LEVELS, strict=True):
        found = standin.observations[done.span_id]
        assert (found["level"], found["message"]) == (level, message)


BODIES = [
    (b"", None),
    (b'{"a": [1, 2.50, "\xc3\xbc"]}', '{"a": [1, 2.50, "ü"]}'),
    (b"no JSON", "no JSON"),
    (b'{"a": NaN}', '{"a": NaN}'),
    (b"\xff\xfe \x00", "\ufffd\ufffd \ufffd"),
    (b'"\\u0000"', '"\\u0000"'),
    (b"[" * 5000 + b"]" * 5000, "[" * 5000 + "]" * 5000),
    (b"x" * 70_000, "x" * 65_536 + "… [cut: 65536 of 70000 bytes]"),
]


def test_bodies_of_every_kind(standin, trace_to):
    tracer = trace_to(standin.url)
    steps = [step("llm.judge_top1", request=body, response=body) for body, _ in BODIES]
    tracer.record(event("inbox"), steps)
    assert balanced(tracer.finish(60))
    for done, (_, text) in zip(steps, BODIES, strict=True):
        found = standin.observations[done.span_id]
        assert found["input"] == found["output"]
        if found["output"] != text:  # JSON travels as JSON to older servers
            assert standin.version_text not in OTLP
            assert found["output"] == json.dumps(json.loads(text))
        assert found["usage"] == {}


def test_a_model_that_did_not_answer_is_named_by_the_request(newest, trace_to):
    tracer = trace_to(newest.url)
    tracer.record(event("inbox"), [step("llm.judge_top1", response=b"", error="no answer in 30 s")])
    tracer.finish(60)
    assert (only(newest)["model"], only(newest)["level"]) == ("qwen2.5", "ERROR")


def test_ids_that_no_server_takes_are_replaced(newest, trace_to):
    tracer = trace_to(newest.url)
    bad = [step("matrix.search", span_id=name) for name in ("", "0" * 16, "XYZ", "A" * 16)]
    tracer.record(event("surge"), [*bad, step("matrix.search")])
    assert tracer.finish(60).delivered == 5
    assert len(newest.observations) == 5


def test_an_event_without_steps_makes_nothing(newest, trace_to):
    tracer = trace_to(newest.url)
    tracer.record(event("handover", outcome="unmet"), [])
    assert tracer.finish(60).made == 0
    assert newest.observations == {}


def test_scores(standin, trace_to):
    tracer = trace_to(standin.url)
    fired = event("reissue")
    done = step("matrix.search")
    tracer.record(fired, [done])
    tracer.score("determinism", 0.5, trace_id=fired.trace_id)
    tracer.score("determinism", 0.975, trace_id=fired.trace_id, comment="12 pairs")
    tracer.score("hit", True, trace_id=fired.trace_id, observation_id=done.span_id)
    tracer.score("verdict", "pass")
    counts = tracer.finish(60)

    assert balanced(counts)
    found = {score["name"]: score for score in standin.scores.values()}
    assert found["determinism"]["value"] == 0.975
    assert found["determinism"]["traceId"] == fired.trace_id
    assert (found["hit"]["value"], found["hit"]["dataType"]) == (1, "BOOLEAN")
    assert found["hit"]["observationId"] == done.span_id
    if standin.version < (3, 53):
        assert counts.scores.dropped == {"the server has no scores on sessions": 1}
        assert "verdict" not in found
    else:
        assert counts.scores.delivered == 4
        assert (found["verdict"]["sessionId"], found["verdict"]["value"]) == (RUN.uid, "pass")


def test_it_is_read_back_and_linked(standin, trace_to):
    standin.checked = False  # for speed: other tests look at the form
    tracer = trace_to(standin.url)
    for trio in range(1, 13):  # more traces and observations than a page holds
        for fired, steps in round_events(trio=trio):
            tracer.record(fired, steps)
    counts = tracer.finish(60)
    assert (
        tracer.read_back(counts.delivered, within_s=60) == counts.delivered == 12 * STEPS_PER_ROUND
    )
    project = f"{standin.url}/project/{PROJECT}"
    assert tracer.project_url == project


def test_reading_back_waits_for_a_server_that_ingests_late(newest, trace_to):
    tracer = trace_to(newest.url)
    for fired, steps in round_events():
        tracer.record(fired, steps)
    counts = tracer.finish(60)
    late = dict(newest.observations)
    newest.observations.clear()
    gevent.spawn_later(0.5, newest.observations.update, late)
    assert tracer.read_back(counts.delivered, within_s=60) == STEPS_PER_ROUND


@pytest.mark.parametrize(
    ("version", "page_s"), [("3.225.4", 0.0), ("3.225.4", 0.4), ("4.16.0", 0.0)]
)
def test_reading_back_what_is_not_visible_yet_is_no_fault(trace_to, caplog, version, page_s):
    """As a real 3.225 on a busy machine, where it was there after minutes."""
    with StandIn(
        version, visible_after_s=600.0, mode="slow", seconds=page_s, route="/public/traces"
    ) as late:
        tracer = trace_to(late.url)
        for fired, steps in round_events():
            tracer.record(fired, steps)
        assert tracer.finish(60).delivered == STEPS_PER_ROUND
        assert tracer.read_back(STEPS_PER_ROUND, within_s=1.5) == 0
        assert caplog.text == ""


def test_reading_back_says_when_it_cannot(newest, trace_to, caplog):
    tracer = trace_to(newest.url)
    tracer.record(event("surge"), [step("matrix.search")])
    tracer.finish(60)
    assert tracer.read_back(2, within_s=0.5) == 1
    assert caplog.text == ""
    newest.behave("status", status=503)
    assert tracer.read_back(1, within_s=0.5) is None
    assert "cannot be read back" in caplog.text


def test_steps_are_seen_while_the_run_goes_on(standin, trace_to):
    tracer = trace_to(standin.url)
    tracer.record(event("surge"), [step("matrix.search")])
    wait_for(lambda: standin.observations)
    wait_for(lambda: tracer.counts().delivered == 1)
