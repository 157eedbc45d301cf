"""An event is a subtree of its phase's trace, and no step takes the trace's own place."""

from __future__ import annotations

import json
import time

import pytest
from free_ports import free_port
from langfuse_standin import PUBLIC_KEY, SECRET_KEY, StandIn
from trace_rounds import INBOX_STEPS, RUN, balanced, event, round_events, step

from mcstress.services.trace_context import TraceContext, is_sampled, phase_trace_id
from mcstress.tracing.langfuse.settings import LangfuseSettings
from mcstress.tracing.limits import Limits
from mcstress.tracing.observation_of_step import Translator
from mcstress.tracing.spool.replay import replay
from mcstress.tracing.trace import Trace
from mcstress.tracing.traced_step import TracedStep

NO_ID = ("", "0" * 16, "XYZ")


def settings(url):
    """The stand-in's keys at ``url``."""
    return LangfuseSettings(url, PUBLIC_KEY, SECRET_KEY)


def groups(standin, phase):
    """The names of each event's steps in a trace, the head first, by the head's id."""
    trace_id = phase_trace_id(RUN.uid, 1, 1, phase)
    found = {head: [standin.observations[head]] for head in standin.roots(trace_id)}
    for each in standin.observations.values():
        if each["trace"] == trace_id and each["parent"] in found:
            found[each["parent"]].append(each)
    return {
        head: [each["name"] for each in sorted(group, key=lambda each: each["start_s"])]
        for head, group in found.items()
    }


def record_round(tracer):
    """Record a round, and give back its inbox's events with their steps."""
    events = list(round_events())
    for fired, steps in events:
        tracer.record(fired, steps)
    return [(fired, steps) for fired, steps in events if fired.phase == "inbox"]


def test_the_inbox_is_six_groups_of_four(standin, trace_to):
    tracer = trace_to(standin.url)
    inbox = record_round(tracer)
    assert balanced(tracer.finish(60))
    heads = {steps[0].span_id for _, steps in inbox}
    assert groups(standin, "inbox") == {head: list(INBOX_STEPS) for head in heads}
    for _, (head, *others) in inbox:
        assert {standin.observations[each.span_id]["parent"] for each in others} == {head.span_id}


def test_the_parts_of_a_step_are_spans_under_it(standin, trace_to):
    tracer = trace_to(standin.url)
    head, whole = step("embed"), step("matrix.search")
    whole.parts = [step("embed.query"), step("store.query"), step("store.query", error="closed")]
    tracer.record(event("surge"), [head, whole])
    counts = tracer.finish(60)
    assert balanced(counts)
    assert counts.made == 5
    parents = {each.span_id: whole.span_id for each in whole.parts} | {whole.span_id: head.span_id}
    assert {span: standin.observations[span]["parent"] for span in parents} == parents
    named = [standin.observations[each.span_id]["name"] for each in whole.parts]
    assert named == ["embed.query", "store.query", "store.query"]
    assert standin.faults == []


def test_the_parent_of_heads_is_in_the_trace_and_never_sent(newest, trace_to):
    tracer = trace_to(newest.url)
    inbox = record_round(tracer)
    tracer.finish(60)
    root = Trace.of_phase(RUN, 1, 1, "inbox").root_id
    heads = [newest.observations[steps[0].span_id] for _, steps in inbox]
    assert {(head["parent"], head["app_root"]) for head in heads} == {(root, True)}
    assert root not in newest.observations
    assert root not in {Trace.of_phase(RUN, 1, 1, other).root_id for other in ("surge", "merge")}


def test_a_batch_has_no_parent_that_is_never_sent(trace_to):
    with StandIn("2.95.9") as standin:
        tracer = trace_to(standin.url)
        inbox = record_round(tracer)
        tracer.finish(60)
        heads = [standin.observations[steps[0].span_id] for _, steps in inbox]
        assert {head["parent"] for head in heads} == {None}
        assert standin.faults == []


@pytest.mark.parametrize("body_bytes", [Limits().body_bytes, 50])
def test_a_replay_makes_the_same(standin, trace_to, body_bytes):
    """With long bodies as well, of which whole observations are spooled."""
    limits = {"body_bytes": body_bytes}
    away = trace_to(f"http://127.0.0.1:{free_port()}", limits=limits)
    there = trace_to(standin.url, limits=limits)
    for fired, steps in round_events():
        away.record(fired, steps)
        there.record(fired, steps)
    spooled, delivered = away.finish(1), there.finish(60)
    assert spooled.spooled == delivered.delivered
    with StandIn(standin.version_text) as other:
        replay(away._spool_path, settings(other.url))
        assert other.traces == standin.traces
        assert other.observations.keys() == standin.observations.keys()
        for key, each in other.observations.items():
            direct = standin.observations[key]
            assert (each["parent"], each["app_root"]) == (direct["parent"], direct["app_root"])
        assert other.faults == []


def test_traces_are_said_alike_before_and_after(newest, trace_to):
    """By two workers, of the first and of the last event, of a failed one, and of a spool."""
    first, second = trace_to(newest.url), trace_to(f"http://127.0.0.1:{free_port()}")
    first.record(event("inbox"), [step("matrix.search", error="HTTP 502")])
    second.record(event("inbox", outcome="failed"), [step("llm.judge_top1"), step("x")])
    first.finish(60)
    second.finish(1)
    replay(second._spool_path, settings(newest.url))
    first = trace_to(newest.url)
    record_round(first)
    first.finish(60)
    (inbox,) = (each for each in newest.traces.values() if "inbox" in each["tags"])
    assert inbox == newest.said_of[phase_trace_id(RUN.uid, 1, 1, "inbox")]


@pytest.mark.parametrize("bad", NO_ID)
def test_steps_without_ids_are_a_subtree_too(newest, trace_to, bad):
    tracer = trace_to(newest.url)
    now = time.time()
    steps = [step(name, now + n, span_id=bad) for n, name in enumerate(INBOX_STEPS)]
    tracer.record(event("inbox"), steps)
    tracer.record(event("inbox", number=2), [step("embed", span_id=bad), step("index.add")])
    assert tracer.finish(60).delivered == 6
    assert sorted(groups(newest, "inbox").values()) == [["embed", "index.add"], list(INBOX_STEPS)]


@pytest.mark.parametrize("first", [{"error": "HTTP 502"}, {"request": b"", "response": b""}])
def test_a_first_step_that_failed_heads_its_event(newest, trace_to, first):
    tracer = trace_to(newest.url)
    tracer.record(event("inbox"), [step("observerd.inbox.record", **first), step("embed")])
    assert tracer.finish(60).delivered == 2
    assert list(groups(newest, "inbox").values()) == [["observerd.inbox.record", "embed"]]


def test_the_first_step_that_exists_heads_its_event(newest, trace_to):
    tracer = trace_to(newest.url)
    tracer.record(event("inbox"), [None, step("embed"), step("index.add")])
    counts = tracer.finish(60)
    assert balanced(counts)
    assert counts.delivered == 2
    assert list(groups(newest, "inbox").values()) == [["embed", "index.add"]]


@pytest.mark.parametrize("version", ["3.225.0", "4.16.0"])
def test_a_step_whose_head_was_not_taken_hangs_under_it_yet(trace_to, version):
    with StandIn(version) as standin:
        tracer = trace_to(standin.url)
        steps = [step("embed", latency_ms=float("inf")), step("index.add")]
        tracer.record(event("inbox"), steps)
        assert tracer.finish(60).delivered == 1
        (left,) = standin.observations.values()
        assert (left["parent"], left["app_root"]) == (steps[0].span_id, False)
        assert standin.faults == []


def test_what_a_service_was_told_is_what_is_kept(newest, trace_to):
    tracer = trace_to(newest.url, sample=0.5)
    kept = set()
    for round_ in range(1, 30):
        fired, steps = event("inbox", round_=round_), [step("embed"), step("index.add")]
        tracer.record(fired, steps)
        told = TraceContext(fired.trace_id, is_sampled(fired.trace_id, 0.5))
        if told.traceparent(steps[0].span_id).endswith("-01"):
            kept |= {each.span_id for each in steps}
    assert tracer.finish(60).sampled_out > 0
    assert newest.observations.keys() == kept


def span(**changes):
    """An OTLP body of one span, from the wire's own encoder, with changes."""
    from mcstress.tracing.langfuse.otlp import Otlp

    made = Translator(RUN, 9999).observation(TracedStep.of(event("inbox"), step("embed"), "w1"))
    content = json.loads(Otlp().encode(made))
    content |= changes
    content = {key: value for key, value in content.items() if value is not None}
    resource = {"attributes": []}
    return {
        "resourceSpans": [
            {"resource": resource, "scopeSpans": [{"scope": {"name": "x"}, "spans": [content]}]}
        ]
    }


@pytest.mark.parametrize("version", ["3.225.0", "4.16.0"])
def test_the_stand_in_merges_a_span_without_a_parent_into_its_trace(version):
    standin = StandIn(version)
    standin.take_otlp(span(), rejecting=False)
    assert standin.faults == []
    before = dict(standin.traces[phase_trace_id(RUN.uid, 1, 1, "inbox")])
    standin.take_otlp(span(parentSpanId=None), rejecting=False)
    after = standin.traces[phase_trace_id(RUN.uid, 1, 1, "inbox")]
    assert before["input"].startswith("Phase 1c, inbox burst")
    assert json.loads(after["input"])["k"] == 8
    assert after["metadata"]["event"] == "w1/1"
    assert standin.faults == ["span embed has no parent: it takes its trace's place"]
    standin.server.server_close()


def test_the_stand_in_reports_a_trace_that_is_said_otherwise():
    standin = StandIn()
    body = span()
    standin.take_otlp(body, rejecting=False)
    content = json.dumps(span()).replace("round 1,", "round 2,")
    standin.take_otlp(json.loads(content), rejecting=False)
    assert len(standin.faults) == 1
    assert "and is now" in standin.faults[0]
    standin.server.server_close()


@pytest.mark.parametrize(("version", "shown"), [("3.225.0", 1), ("4.16.0", 0)])
def test_the_stand_in_lists_roots_as_its_generation_does(version, shown):
    standin = StandIn(version)
    body = span(parentSpanId="ab" * 8)
    spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans[0]["attributes"] = [
        each for each in spans[0]["attributes"] if "app_root" not in each["key"]
    ]
    standin.take_otlp(body, rejecting=False)
    assert len(standin.roots(phase_trace_id(RUN.uid, 1, 1, "inbox"))) == shown
    standin.server.server_close()
