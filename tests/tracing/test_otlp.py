"""Plain OTLP: every observation arrives once at a real receiver, on good days and on bad ones."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from free_ports import free_port
from langfuse_standin import PUBLIC_KEY, SECRET_KEY, StandIn
from otlp_receiver import Receiver, attributes
from trace_rounds import (
    QUICK,
    RUN,
    STEPS_PER_ROUND,
    balanced,
    event,
    round_events,
    spool_lines,
    step,
    tracers,
    wait_for,
)

from mcstress.cli import main
from mcstress.errors import UsageError
from mcstress.tracing.langfuse.settings import LangfuseSettings
from mcstress.tracing.langfuse.tracer import LangfuseTracer
from mcstress.tracing.observation import Score
from mcstress.tracing.otlp.collector import OtlpTracer
from mcstress.tracing.otlp.encoding import run_trace_id
from mcstress.tracing.otlp.settings import OtlpSettings
from mcstress.tracing.spool.line import head_of
from mcstress.tracing.spool.replay import replay
from mcstress.tracing.trace import Trace

SECRET = "s3cr3t-of-the-collector"
HEADERS = (("authorization", f"Bearer {SECRET}"),)
PHONE = "+1 414 555 0142"
MAIL = "bob@example.com"


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def trace_to(tmp_path, caplog):
    """Makes tracers for a collector."""

    def make(number, url, *, run, headers=HEADERS, gzip=True, **details):
        return OtlpTracer(
            OtlpSettings(url, headers, gzip),
            run,
            worker=f"w{number}",
            spool_path=tmp_path / f"run.{number}.otlp.spool.jsonl",
            **details,
        )

    with tracers(tmp_path, caplog, make, SECRET) as start:
        yield start


def record_rounds(tracer, rounds=1, trio=1):
    for number in range(1, rounds + 1):
        for fired, steps in round_events(trio=trio, round_=number):
            tracer.record(fired, steps)
    return rounds * STEPS_PER_ROUND


@pytest.mark.parametrize("gzip", [True, False])
def test_every_observation_arrives_once(receiver, trace_to, gzip):
    tracer = trace_to(receiver.url, gzip=gzip)
    made = record_rounds(tracer, rounds=5)
    counts = tracer.finish(60)
    assert (counts.made, counts.delivered, counts.spooled, counts.dropped) == (made, made, 0, {})
    assert len(receiver.ids) == made
    assert set(receiver.ids.values()) == {1}
    assert {headers["authorization"] for _, headers in receiver.requests} == {f"Bearer {SECRET}"}
    assert {headers.get("content-encoding") for _, headers in receiver.requests} == {
        "gzip" if gzip else None
    }
    assert tracer.project_url is None
    assert tracer.read_back(made, 0.1) is None


def test_two_workers_meet_in_the_same_traces(receiver, trace_to):
    first, second = trace_to(receiver.url), trace_to(receiver.url)
    made = record_rounds(first, trio=1) + record_rounds(second, trio=1)
    delivered = first.finish(60).delivered + second.finish(60).delivered
    assert delivered == made == len(receiver.ids)
    assert {span.trace_id.hex() for span in receiver.stored} == {
        Trace.of_phase(RUN, 1, 1, phase).id
        for phase in {attributes(span)["mcstress.phase"] for span in receiver.stored}
    }


def one(receiver, trace_to, name, **details):
    """The span of one step, with its attributes."""
    made = step(name, **details)
    tracer = trace_to(receiver.url)
    tracer.record(event("inbox", namespace="playbook_alpha"), [made])
    tracer.finish(60)
    (span,) = receiver.spans
    assert span.span_id.hex() == made.span_id
    assert span.end_time_unix_nano - span.start_time_unix_nano == round(made.latency_ms * 1e6)
    return span, attributes(span)


def test_a_call_of_an_llm_speaks_gen_ai(receiver, trace_to):
    url = "http://127.0.0.1:11434/api/chat"
    span, found = one(receiver, trace_to, "llm.parse_demand", url=url)
    assert found["gen_ai.operation.name"] == "chat"
    assert found["gen_ai.provider.name"] == "ollama"
    assert found["gen_ai.request.model"] == "qwen2.5"
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (71, 19)
    assert (found["server.address"], found["server.port"]) == ("127.0.0.1", 11434)
    assert span.kind == span.SPAN_KIND_CLIENT
    assert not span.HasField("status")


def test_a_search_speaks_http_and_db(receiver, trace_to):
    span, found = one(receiver, trace_to, "matrix.search")
    expected = {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "url.full": "http://127.0.0.1:3110/v1/matrix/search",
        "db.operation.name": "search",
        "session.id": RUN.uid,
        "user.id": "trio-1",
        "mcstress.coordinator": "alice",
        "mcstress.event": "w1/1",
        "mcstress.namespace": "playbook_alpha",
        "mcstress.phase": "inbox",
        "mcstress.trio": 1,
        "mcstress.round": 1,
        "mcstress.mask": "on",
    }
    assert {key: found.get(key) for key in expected} == expected
    assert "query_text" in json.loads(found["mcstress.input"])
    assert "results" in json.loads(found["mcstress.output"])
    assert not [key for key in found if "langfuse" in key]
    assert span.parent_span_id == b""
    (resource,) = receiver.resources
    assert attributes(resource)["service.name"] == "multi-coordinator-stress"
    assert attributes(resource)["deployment.environment.name"] == "stress"


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_a_request_has_its_own_method_also_after_a_replay(receiver, trace_to, method):
    """Stores of one's own are called by more than POST."""
    tracer = trace_to(f"http://127.0.0.1:{free_port()}/v1/traces")
    tracer.record(event("inbox"), [step("index.update", method=method)])
    (spool,) = tracer.finish(0.5).spools
    assert replay(Path(spool), OtlpSettings(receiver.url)).delivered == 1
    (span,) = receiver.spans
    found = attributes(span)
    assert (found["http.request.method"], found["db.operation.name"]) == (method, "update")
    assert "mcstress.method" not in found


def test_an_event_is_a_subtree(receiver, trace_to):
    tracer = trace_to(receiver.url)
    steps = [step(name) for name in ("observerd.inbox.record", "llm.parse_demand")]
    tracer.record(event("inbox"), steps)
    tracer.finish(60)
    head, other = sorted(receiver.spans, key=lambda span: span.parent_span_id)
    assert head.parent_span_id == b""
    assert other.parent_span_id == head.span_id


@pytest.mark.parametrize(
    ("details", "error_type"),
    [({"status": 503}, "503"), ({"status": 0}, "_OTHER"), ({"status": 200}, "_OTHER")],
)
def test_a_failed_step_is_an_error(receiver, trace_to, details, error_type):
    said = {"error": "HTTP 503: busy", **details}
    span, found = one(receiver, trace_to, "matrix.search", **said)
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert span.status.message == "HTTP 503: busy"
    assert found["error.type"] == error_type


def test_content_that_could_not_be_parsed_is_no_error(receiver, trace_to):
    span, found = one(receiver, trace_to, "llm.judge_top1", unparseable="no rating")
    assert found["mcstress.unparseable"] == "no rating"
    assert not span.HasField("status")


@pytest.mark.parametrize(
    ("value", "number", "label"),
    [(0.75, 0.75, None), (4, 4.0, None), (True, 1.0, "true"), ("high", None, "high")],
)
def test_a_score_is_a_span_under_what_it_is_about(receiver, trace_to, value, number, label):
    tracer = trace_to(receiver.url)
    made = step("matrix.search")
    fired = event("reissue")
    tracer.record(fired, [made])
    score = Score(name="determinism", value=value, trace_id=fired.trace_id, at_ns=1234)
    score.observation_id, score.comment = made.span_id, f"ask {MAIL}"
    tracer.add_scores([score])
    counts = tracer.finish(60)
    assert (counts.scores.made, counts.scores.delivered) == (1, 1)
    (span,) = receiver.scores
    assert span.trace_id.hex() == fired.trace_id
    assert span.parent_span_id.hex() == made.span_id
    assert span.start_time_unix_nano == span.end_time_unix_nano == 1234
    found = attributes(span)
    assert found["gen_ai.evaluation.name"] == "determinism"
    assert found.get("gen_ai.evaluation.score.value") == number
    assert found.get("gen_ai.evaluation.score.label") == label
    assert found["gen_ai.evaluation.explanation"] == "ask [email]"


def test_the_verdict_has_a_trace_of_the_run(receiver, trace_to):
    tracer = trace_to(receiver.url)
    tracer.score("verdict", "pass")
    assert tracer.finish(60).scores.delivered == 1
    (span,) = receiver.scores
    assert span.trace_id.hex() == run_trace_id(RUN.uid)
    assert attributes(span)["session.id"] == RUN.uid


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_collector_that_is_busy_for_a_while_gets_all_of_it(receiver, trace_to, status):
    receiver.behave("status", times=2, status=status)
    tracer = trace_to(receiver.url)
    made = record_rounds(tracer)
    counts = tracer.finish(60)
    assert (counts.delivered, counts.spooled, counts.dropped) == (made, 0, {})
    assert set(receiver.ids.values()) == {1}


BAD_DAYS = {
    "503": ("status", {"status": 503}, "503"),
    "403": ("status", {"status": 403}, "check OTEL_EXPORTER_OTLP_HEADERS"),
    "404": ("status", {"status": 404}, "check --otlp-traces"),
    "400": ("status", {"status": 400}, "it refuses what is sent"),
    "202": ("status", {"status": 202}, "what no collector answers"),
    "hang": ("hang", {}, "gives no answer within"),
    "rejects all": ("partial", {"rejects": 10_000}, "as told"),
}


@pytest.mark.parametrize("day", BAD_DAYS)
def test_on_a_bad_day_all_is_spooled_and_replayed_once(receiver, trace_to, caplog, day):
    mode, details, said = BAD_DAYS[day]
    receiver.behave(mode, **details)
    tracer = trace_to(receiver.url, limits={"timeout_s": 0.2})
    made = record_rounds(tracer)
    tracer.score("verdict", "fail")
    counts = tracer.finish(2)
    assert balanced(counts)
    assert (counts.spooled, counts.dropped, counts.scores.spooled) == (made, {}, 1)
    assert said in caplog.text
    assert "OTLP: " in caplog.text
    assert receiver.stored == []
    receiver.behave("ok")
    (spool,) = map(Path, counts.spools)
    outcome = replay(spool, OtlpSettings(receiver.url))
    assert (outcome.delivered, outcome.left, outcome.rejected) == (made + 1, 0, 0)
    assert len(receiver.ids) == made + 1
    assert set(receiver.ids.values()) == {1}
    assert replay(spool, OtlpSettings(receiver.url)).before == made + 1


def test_a_collector_that_is_killed_in_the_middle_has_everything_after_a_replay(trace_to):
    with Receiver() as first:
        tracer = trace_to(first.url)
        made = record_rounds(tracer, rounds=3, trio=1)
        wait_for(lambda: tracer.counts().delivered)
    made += record_rounds(tracer, rounds=3, trio=2)
    counts = tracer.finish(2)
    assert balanced(counts)
    assert counts.delivered + counts.spooled == made
    assert counts.dropped == {}
    assert counts.delivered == len(first.stored)
    with Receiver(first.port) as second:
        assert replay(Path(counts.spools[0]), OtlpSettings(second.url)).left == 0
        assert not first.ids.keys() & second.ids.keys()
        assert len(first.ids) + len(second.ids) == made


@pytest.mark.parametrize("rejects", [1, 7])
def test_what_a_collector_rejects_of_a_body_is_counted_and_not_sent_again(
    receiver, trace_to, caplog, rejects
):
    receiver.behave("partial", times=1, rejects=rejects)
    tracer = trace_to(receiver.url)
    made = record_rounds(tracer)
    counts = tracer.finish(60)
    assert balanced(counts)
    assert counts.dropped == {"rejected by the collector": rejects}
    assert counts.delivered == made - rejects == len(receiver.stored)
    assert set(receiver.ids.values()) == {1}
    assert f"rejected {rejects} of " in caplog.text
    assert "as told" in caplog.text


def test_a_replay_says_what_was_rejected(receiver, trace_to):
    tracer = trace_to(f"http://127.0.0.1:{free_port()}/v1/traces")
    made = record_rounds(tracer)
    (spool,) = map(Path, tracer.finish(1).spools)
    receiver.behave("partial", times=1, rejects=2)
    outcome = replay(spool, OtlpSettings(receiver.url))
    assert (outcome.delivered, outcome.rejected, outcome.left) == (made - 2, 2, 0)
    assert str(outcome) == (
        f"{made - 2} delivered, 2 rejected by the collector, which does not say which"
    )


def test_a_collector_that_hangs_keeps_no_user_waiting(receiver, trace_to):
    """Nobody has a turn for the collector while steps are recorded, and the end comes in time."""
    receiver.behave("hang")
    tracer = trace_to(receiver.url, limits={"outbox_items": 500, "timeout_s": 60.0})
    for number in range(20):
        record_rounds(tracer, trio=number + 1)
    counts = tracer.finish(0.5)
    assert balanced(counts)
    assert (counts.spooled, counts.dropped) == (20 * STEPS_PER_ROUND, {})


@pytest.mark.parametrize("mask", ["on", "strict", "off"])
def test_masking_holds_for_both_sinks(receiver, trace_to, tmp_path, mask):
    """The same run, seen by both: what one must not see, the other must not either."""
    run = msgspec.structs.replace(RUN, mask=mask)
    body = json.dumps({"query_text": f"call {PHONE} or {MAIL}"}).encode()
    with StandIn() as standin:
        settings = LangfuseSettings(standin.url, PUBLIC_KEY, SECRET_KEY)
        spool = tmp_path / "langfuse.spool.jsonl"
        langfuse = LangfuseTracer(settings, run, worker="w", spool_path=spool, limits=QUICK)
        sinks = (langfuse, trace_to(receiver.url, run=run))
        fired, steps = event("surge", run=run), [step("matrix.search", request=body)]
        for sink in sinks:
            sink.record(fired, steps)
        assert [sink.finish(60).delivered for sink in sinks] == [1, 1]
        (seen,) = standin.observations.values()
    texts = [repr(seen), *(str(span) for span in receiver.stored)]
    assert len(texts) == 2
    for text in texts:
        found = [secret for secret in (PHONE, MAIL) if secret in text]
        assert found == ([PHONE, MAIL] if mask == "off" else [])
        assert ("[phone]" in text) == (mask == "on")
        assert ("not sent: --mask strict" in text) == (mask == "strict")


def test_a_spool_says_which_sink_it_is_for(trace_to):
    tracer = trace_to(f"http://127.0.0.1:{free_port()}/v1/traces")
    tracer.record(event("surge"), [step("matrix.search")])
    (spool,) = map(Path, tracer.finish(1).spools)
    head = head_of(spool.read_bytes().splitlines()[0])
    assert (head.sink, head.url) == ("otlp", tracer.where.url)
    assert len(spool_lines(spool)) == 1
    with pytest.raises(UsageError, match=r"found a spool for otlp, expected one for langfuse"):
        replay(spool, LangfuseSettings("http://127.0.0.1:9", "pk", "sk"))
    assert spool.exists()


def test_replay_sends_each_spool_to_its_sink(receiver, trace_to, tmp_path, monkeypatch, capsys):
    """A collector is named by the user, never by the file alone."""
    nobody = f"http://127.0.0.1:{free_port()}"
    collector = trace_to(f"{nobody}/v1/traces")
    settings = LangfuseSettings(nobody, PUBLIC_KEY, SECRET_KEY)
    langfuse = LangfuseTracer(
        settings, RUN, worker="w", spool_path=tmp_path / "l.spool.jsonl", limits=QUICK
    )
    for sink, steps in ((collector, 1), (langfuse, 2)):
        sink.record(event("surge"), [step("matrix.search") for _ in range(steps)])
    spools = [*collector.finish(1).spools, *langfuse.finish(1).spools]
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    with StandIn() as standin:
        (tmp_path / "lf.env").write_text(standin.env)
        command = ["replay", *spools, "--langfuse-env", str(tmp_path / "lf.env")]
        assert run_command(command) == 2
        said = capsys.readouterr().err
        assert f"found a spool for a collector (the run sent to {collector.where.url})" in said
        assert not receiver.stored
        assert not standin.observations
        assert run_command([*command, "--otlp-traces", receiver.url]) == 0
        assert len(standin.observations) == 2
    assert len(receiver.stored) == 1


def run_command(arguments):
    """The exit code of ``mcstress`` with ``arguments``."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return left.value.code
