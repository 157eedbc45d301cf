"""What collectors answer to an export, and what spans are made of what is not known."""

from __future__ import annotations

import httpx
import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans
from otlp_receiver import attributes
from trace_rounds import RUN, event, observation, step

from mcstress.metrics.event import Scheduled, utc
from mcstress.tracing.http.client import unneeded_fault
from mcstress.tracing.http.delivery_outcome import REJECTED, DeliveryOutcome, read_status
from mcstress.tracing.langfuse.otlp import Otlp
from mcstress.tracing.observation import Score
from mcstress.tracing.observation_of_step import Translator
from mcstress.tracing.otlp.answer import read_export
from mcstress.tracing.otlp.encoding import Spans
from mcstress.tracing.otlp.settings import OtlpSettings
from mcstress.tracing.traced_step import TracedStep

URL = "http://127.0.0.1:9/v1/traces"
PEER = OtlpSettings(URL).peer
SENT = ["a", "b", "c"]
JSON = {"content-type": "application/json; charset=utf-8"}


def exported(content, headers=None, status=200):
    request = httpx.Request("POST", URL)
    response = httpx.Response(status, content=content, headers=headers, request=request)
    return read_export(response, [*SENT], PEER)


def partial(rejected, message=""):
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = rejected
    answer.partial_success.error_message = message
    return answer.SerializeToString()


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", None),
        (b"{}", JSON),
        (b'{"partialSuccess": {}, "more": [1]}', JSON),
        (partial(0), None),
    ],
)
def test_a_yes_is_read_in_both_spellings(content, headers):
    assert exported(content, headers) == DeliveryOutcome(delivered=SENT)


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (partial(1, "too old"), None),
        (b'{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too old"}}', JSON),
    ],
)
def test_what_is_rejected_in_part_is_lost_by_number(content, headers):
    outcome = exported(content, headers)
    assert (outcome.delivered, outcome.lost) == (["b", "c"], [("a", REJECTED)])
    assert outcome.faults[0].text == f"{URL} rejected 1 of 3 spans: too old"


def test_what_is_rejected_whole_is_kept_and_a_warning_is_none():
    assert exported(partial(7, "no")).refused == SENT
    assert exported(partial(-7)).delivered == SENT
    warned = exported(partial(0, "soon\nfull"))
    assert (warned.delivered, warned.faults[0].text) == (SENT, f"{URL} says: soon full")


@pytest.mark.parametrize(
    ("content", "headers", "says"),
    [
        (b"<html>hello", None, "<html>hello"),
        (b"\xff\xff", None, "\ufffd\ufffd"),
        (b"<html>", JSON, "<html>"),
        (b'{"partialSuccess": 3}', JSON, '{"partialSuccess": 3}'),
        (b"\xff", JSON, "\ufffd"),
        (b'{"a":' * 100_000, JSON, '{"a":{"a":'),
    ],
)
def test_what_no_collector_answers_delivers_nothing(content, headers, says):
    outcome = exported(content, headers)
    assert (outcome.delivered, outcome.refused) == ([], SENT)
    said = outcome.faults[0].text
    assert said.startswith(f"{URL} answers 200 with what no collector answers: check --otlp-traces")
    assert says in said


def test_a_redirected_collector_is_given_as_it_is():
    request = httpx.Request("POST", URL)
    moved = {"location": "https://c.example/otlp?key=x"}
    response = httpx.Response(308, headers=moved, request=request)
    (fault,) = read_status(response, SENT, PEER).faults
    assert fault.text == f"{URL} answers 308: give https://c.example/otlp as {PEER.address_by}"


def span_of(made):
    (span,) = ScopeSpans.FromString(Spans(PEER, gzip=False).encode(made)).spans
    return span, attributes(span)


def test_a_span_has_nothing_of_what_is_not_known():
    _, found = span_of(observation(metadata={"outcome": "ok"}))
    assert not [key for key in found if key.startswith(("http.", "url.", "server.", "gen_ai"))]
    assert not {"mcstress.input", "mcstress.output"} & {*found}
    _, found = span_of(observation("llm.judge_top1", kind="generation", metadata={}))
    assert found["gen_ai.operation.name"] == "chat"
    assert not {"gen_ai.request.model", "gen_ai.provider.name"} & {*found}


@pytest.mark.parametrize("url", ["http://[::1", "http://host:99999/x", "MyStore"])
def test_what_is_no_url_is_shown_as_it_is(url):
    _, found = span_of(observation(metadata={"url": url, "outcome": "ok"}))
    assert found["url.full"] == url
    assert "server.port" not in found
    assert ("http.request.method" in found) == ("://" in url), "a class is called by no method"


def test_what_a_schedule_and_a_contract_say_is_there_where_they_are():
    at = utc(1_800_000_000.0)
    scheduled = Scheduled(intended=at, generator_ms=1.25, queue_ms=0.5, hour=7.5)
    fired = event("surge", scheduled=scheduled)
    about = Translator(RUN, 1000).observation(TracedStep.of(fired, step("matrix.search"), "w1"))
    assert about.metadata["intended"] == at.isoformat()
    assert (about.metadata["lateness_ms"], about.metadata["scenario_hour"]) == ("1.750", "7.500")
    assert about.metadata["role"] == "warehouse worker"
    bare = msgspec.structs.replace(fired, contract=None, role=None, scheduled=msgspec.UNSET)
    about = Translator(RUN, 1000).observation(TracedStep.of(bare, step("matrix.search"), "w1"))
    assert not {"contract", "role", "intended", "scenario_hour"} & {*about.metadata}


def test_a_trace_without_a_sentence_has_none_and_a_score_is_no_span_of_langfuses():
    made = observation()
    assert b"langfuse.trace.input" in Otlp().encode(made)
    made.trace = msgspec.structs.replace(made.trace, input="")
    assert b"langfuse.trace.input" not in Otlp().encode(made)
    with pytest.raises(TypeError, match="a score is no span"):
        Otlp().encode(Score(name="hit", value=1.0, trace_id=made.trace.id))


def test_a_file_of_certificates_that_no_file_can_be_called_is_said():
    said = unneeded_fault("Langfuse", "http://127.0.0.1:9", {"SSL_CERT_FILE": "a\0b"})
    assert said.startswith("SSL_CERT_FILE names no file: it holds a zero byte (Langfuse at ")
