"""The stand-in itself: it finds what it is there to find, and works as its own process."""

from __future__ import annotations

import copy
import gzip
import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from langfuse_behaviour import SCORE_OF_A_THIRD_S
from langfuse_rules import event_faults, otlp_faults
from langfuse_standin import INGESTION, OTLP, PUBLIC_KEY, SECRET_KEY, StandIn
from trace_rounds import RUN, event, round_events, step, wait_for

from mcstress.tracing.langfuse.ingestion import Batches
from mcstress.tracing.langfuse.otlp import Otlp
from mcstress.tracing.observation import Score
from mcstress.tracing.observation_of_step import Translator
from mcstress.tracing.traced_step import TracedStep

SCRIPT = Path(__file__).with_name("langfuse_standin.py")
AUTH = (PUBLIC_KEY, SECRET_KEY)


def observation(**details):
    """A failed LLM step, which has every attribute."""
    done = step("llm.judge_top1", error="HTTP 502", **details)
    return Translator(RUN, 1000).observation(TracedStep.of(event("inbox"), done, "w1"))


@pytest.fixture
def body():
    """A good OTLP body of one span."""
    return json.loads(gzip.decompress(written(Otlp(), [observation()])))


def written(encoder, entries):
    """The body that carries ``entries``."""
    letter = encoder.batch()
    for entry in entries:
        letter.add(entry, encoder.encode(entry))
    return letter.close()


def span_of(body):
    """The span of a body."""
    return body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]


def attribute(body, key):
    """One attribute of the span."""
    return next(each for each in span_of(body)["attributes"] if each["key"] == key)


def test_a_good_body_has_no_faults(body):
    assert otlp_faults(body) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.update(more=1),
        lambda body: body["resourceSpans"][0].update(more=1),
        lambda body: body["resourceSpans"][0]["scopeSpans"][0]["scope"].clear(),
        lambda body: span_of(body).update(more=1),
        lambda body: span_of(body).pop("traceId"),
        lambda body: span_of(body).update(traceId="0" * 32),
        lambda body: span_of(body).update(traceId="AB" * 16),
        lambda body: span_of(body).update(spanId="ab"),
        lambda body: span_of(body).update(parentSpanId=None),
        lambda body: span_of(body).update(kind="1"),
        lambda body: span_of(body).update(name=""),
        lambda body: span_of(body).update(startTimeUnixNano=1),
        lambda body: span_of(body).update(startTimeUnixNano="1"),
        lambda body: span_of(body).update(endTimeUnixNano="1785000000"),
        lambda body: span_of(body).update(status={}),
        lambda body: span_of(body).update(status={"code": 2, "message": "other"}),
        lambda body: span_of(body).update(attributes={}),
        lambda body: span_of(body)["attributes"].append({"key": "x", "value": {}}),
        lambda body: span_of(body)["attributes"].append(span_of(body)["attributes"][0]),
        lambda body: attribute(body, "user.id").update(value={"intValue": 1}),
        lambda body: attribute(body, "langfuse.trace.tags").update(value={"stringValue": "a"}),
        lambda body: attribute(body, "langfuse.trace.tags").update(key="session.id2"),
        lambda body: attribute(body, "langfuse.environment").update(
            value={"stringValue": "langfuse-x"}
        ),
        lambda body: attribute(body, "langfuse.observation.type").update(
            value={"stringValue": "SPAN"}
        ),
        lambda body: attribute(body, "langfuse.observation.level").update(
            value={"stringValue": "FATAL"}
        ),
        lambda body: attribute(body, "langfuse.observation.usage_details").update(
            value={"stringValue": '{"input": 1.5}'}
        ),
    ],
)
def test_a_spoilt_body_has_faults(body, spoil):
    spoilt = copy.deepcopy(body)
    spoil(spoilt)
    assert otlp_faults(spoilt)


EVENTS = {
    "generation-create": observation(),
    "score-create": Score(name="verdict", value=0.5, trace_id="ab" * 16),
}


@pytest.mark.parametrize("kind", ["trace-create", *EVENTS])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda event: event.update(id=""),
        lambda event: event.update(more=1),
        lambda event: event.update(type="other"),
        lambda event: event.update(timestamp="2026-01-01"),
        lambda event: event.update(timestamp="2020-01-01T00:00:00Z"),
        lambda event: event["body"].update(more=1),
        lambda event: event["body"].update(id=""),
        lambda event: event["body"].update(name=""),
        lambda event: event["body"].update(environment="Langfuse"),
        lambda event: event["body"].update(tags="x", traceId="x", value="x", startTime="x"),
        lambda event: event["body"].update(sessionId="", traceId="", level="x"),
    ],
)
def test_a_spoilt_event_has_faults(kind, spoil):
    entries = [EVENTS.get(kind) or observation()]
    batch = json.loads(written(Batches(), entries))["batch"]
    (found,) = (each for each in batch if each["type"] == kind)
    assert event_faults(found, (4,)) == []
    spoil(found)
    assert event_faults(found, (4,))


@pytest.mark.parametrize(
    ("version", "path", "status"),
    [
        ("2.95.9", OTLP, 404),
        ("3.40.0", OTLP, 400),
        ("3.225.0", OTLP, 200),
        ("4.16.0", OTLP, 200),
        ("2.95.9", INGESTION, 207),
    ],
)
def test_generations_and_keys(version, path, status):
    encoder = Otlp() if path == OTLP else Batches()
    made = Translator(RUN, 99).observation(TracedStep.of(event(), step("embed"), "w"))
    body = written(encoder, [made])
    headers = {"content-type": "application/json", **encoder.headers}
    with StandIn(version) as standin:
        url = standin.url + path
        assert httpx.post(url, content=body, headers=headers, auth=AUTH).status_code == status
        assert bool(standin.observations) == (status in (200, 207))
        if status != 404:
            wrong = httpx.post(url, content=body, headers=headers, auth=("pk", "sk"))
            assert wrong.status_code == 401
        assert standin.faults == []


def test_the_newest_takes_no_traces_by_ingestion():
    body = written(Batches(), [observation(), EVENTS["score-create"]])
    with StandIn("4.16.0") as standin:
        answer = httpx.post(standin.url + INGESTION, content=body, auth=AUTH)
        assert answer.status_code == 207
        assert [each["status"] for each in answer.json()["errors"]] == [400, 400]
        assert [each["id"] for each in answer.json()["successes"]] == [EVENTS["score-create"].id]
        assert standin.observations == {}


def post_scores(standin, number, timeout_s):
    """Send so many scores to whom gives them so long."""
    made = [Score(name=f"score {n}", value=0.5, trace_id="ab" * 16) for n in range(number)]
    body = written(Batches(), made)
    return httpx.post(standin.url + INGESTION, content=body, auth=AUTH, timeout=timeout_s)


@pytest.mark.parametrize(("version", "slow"), [("2.95.9", 0), ("3.225.4", 1), ("4.16.0", 0)])
def test_the_third_generation_needs_its_time_for_each_score(version, slow):
    with StandIn(version) as standin:
        began_s = time.monotonic()
        assert post_scores(standin, 40, 20).status_code == 207
        assert time.monotonic() - began_s >= 40 * SCORE_OF_A_THIRD_S * slow


def test_it_works_on_after_the_client_has_gone_and_counts_what_it_stores_twice():
    with StandIn("3.225.4", per_score_s=0.02) as standin:
        for _ in range(2):
            with pytest.raises(httpx.ReadTimeout):
                post_scores(standin, 20, 0.1)
        wait_for(lambda: standin.stored_twice == [0, 20])
        assert standin.score_batches == [20, 20]


def test_what_it_stored_is_seen_late():
    query = {"sessionId": RUN.uid, "tags": "stress", "page": 1, "limit": 100}
    made = observation()
    body = written(Otlp(), [made])
    headers = {"content-type": "application/json", **Otlp().headers}
    with StandIn("3.225.4", visible_after_s=600.0) as standin:
        httpx.post(standin.url + OTLP, content=body, headers=headers, auth=AUTH).raise_for_status()

        def seen():
            url = f"{standin.url}/api/public/traces"
            (trace,) = httpx.get(url, params=query, auth=AUTH).json()["data"]
            return trace["observations"]

        assert seen() == []
        standin.behave(visible_after_s=0.0)
        assert seen() == [made.span_id]


@pytest.mark.parametrize(
    ("elsewhere", "status", "body"),
    [(None, 404, b'{"message": "Not found"}'), ("empty", 200, b""), ("accepted", 202, b"{}")],
)
def test_at_addresses_that_it_does_not_have(elsewhere, status, body):
    with StandIn("3.225.4", elsewhere=elsewhere) as standin:
        answer = httpx.post(f"{standin.url}/app{OTLP}", content=b"", auth=AUTH)
    assert (answer.status_code, answer.content) == (status, body)


def test_as_a_process_of_its_own(trace_to):
    command = [sys.executable, str(SCRIPT), "--version", "3.225.0", "--mode", "status"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            tracer = trace_to(url)
            for fired, steps in round_events():
                tracer.record(fired, steps)
            httpx.post(f"{url}/admin/behave", json={"mode": "ok"}).raise_for_status()
            counts = tracer.finish(60)
            state = httpx.get(f"{url}/admin/state").json()
            assert counts.delivered + counts.spooled == counts.made
            assert len(state["observations"]) == counts.delivered
            assert state["faults"] == []
        finally:
            process.terminate()
