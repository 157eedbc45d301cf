"""Whether a collector takes traces is asked before a run, and no span is sent for it."""

from __future__ import annotations

import re

import pytest
from free_ports import free_port
from otlp_receiver import Receiver

from mcstress.tracing.otlp.collector import check_otlp
from mcstress.tracing.otlp.settings import OtlpSettings

SECRET = "s3cr3t-of-the-collector"
WRONG = {
    403: "check OTEL_EXPORTER_OTLP_HEADERS",
    404: "check --otlp-traces",
    202: "what no collector answers",
}


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


def test_a_check_sends_no_span(receiver):
    reached, said = check_otlp(OtlpSettings(receiver.url))
    assert reached
    assert said == f"OTLP traces: the collector at {receiver.url} takes them"
    assert receiver.stored == []
    assert len(receiver.requests) == 1


def test_a_check_of_a_collector_that_is_not_there():
    url = f"http://127.0.0.1:{free_port()}/v1/traces"
    reached, told = check_otlp(OtlpSettings(url))
    assert not reached
    assert told == f"OTLP traces: {url} cannot be reached: [Errno 111] Connection refused"


@pytest.mark.parametrize("status", WRONG)
def test_a_check_says_what_is_wrong(receiver, status):
    receiver.behave("status", status=status)
    reached, told = check_otlp(OtlpSettings(receiver.url, (("authorization", SECRET),)))
    assert not reached
    assert re.search(WRONG[status], told)
    assert SECRET not in told
