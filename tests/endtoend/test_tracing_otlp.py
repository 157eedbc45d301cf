"""A run with two workers to Langfuse and to a collector at once: each has every step once."""

from __future__ import annotations

import pytest
from endtoend.langfuse_process import Langfuse, check_accounts
from endtoend.locust_run import LocustRun, forked
from endtoend.test_tracing_round import STEPS, TRACES, everything_in
from standin.process import Standin
from tracing.otlp_receiver import Receiver, attributes

SECRET = "s3cr3t-of-the-collector"
LOAD = ("--headless", "-u", 3, "-r", 3, "--only-summary", "--rounds", 1, *forked(2))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The run's document, what the collector has, and everything that could be seen."""
    folder = tmp_path_factory.mktemp("run")
    with Standin() as services, Langfuse() as langfuse, Receiver() as receiver:
        options = (
            *("--host", services.url, "--llm-host", services.url),
            *("--langfuse-env", langfuse.env_file(folder / "secret")),
            *("--otlp-traces", receiver.url),
        )
        variables = {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{SECRET}"}
        with LocustRun(*LOAD, *options, report_dir=folder / "reports", **variables) as made:
            assert made.wait() == 0, made.output
            yield made, made.document(), langfuse.state(), receiver


def test_both_have_every_step_once(run):
    _, document, stored, receiver = run
    check_accounts(document)
    langfuse, otlp = document["completeness"]["tracing"]["sinks"]
    assert (langfuse["sink"], otlp["sink"]) == ("langfuse", "otlp")
    assert (otlp["where"], otlp["made"], otlp["delivered"]) == (receiver.url, STEPS, STEPS)
    assert (otlp["spooled"], otlp["dropped"], otlp["faults"]) == (0, {}, [])
    assert otlp["scores"]["made"] == otlp["scores"]["delivered"] == len(receiver.scores)
    spans = {span.span_id.hex() for span in receiver.spans}
    assert len(receiver.spans) == len(spans) == STEPS
    assert spans == stored["observations"].keys()


def test_the_traces_and_scores_are_those_of_langfuse(run):
    _, document, stored, receiver = run
    of_langfuse = {each["trace"] for each in stored["observations"].values()}
    assert {span.trace_id.hex() for span in receiver.spans} == of_langfuse
    assert {attributes(span)["mcstress.trace.name"] for span in receiver.spans} == set(TRACES)
    names = sorted(attributes(span)["gen_ai.evaluation.name"] for span in receiver.scores)
    assert names == sorted(score["name"] for score in stored["scores"].values())
    (verdict,) = [span for span in receiver.scores if span.name == "score verdict"]
    assert attributes(verdict)["gen_ai.evaluation.score.label"] == document["verdict"]


def test_two_workers_sent_with_the_header_of_their_own_environment(run):
    _, document, _, receiver = run
    workers = document["completeness"]["workers"]
    made = [worker["sinks"]["otlp"]["made"] for worker in workers]
    assert len(made) == 2
    assert sum(made) == STEPS
    assert {headers["authorization"] for _, headers in receiver.requests} == {f"Bearer {SECRET}"}


def test_report_and_last_lines_say_where_and_how_many(run):
    made, _, _, receiver = run
    assert f"OTLP traces to {receiver.url}: {STEPS} made, {STEPS} delivered" in made.output
    report = (made.report_dir / "multi_coord_stress_001.md").read_text()
    assert receiver.url in report
    assert "| OTLP |" in report
    assert "| Langfuse |" in report


def test_the_header_is_nowhere(run):
    made, *_ = run
    assert SECRET not in made.output + everything_in(made.report_dir)
