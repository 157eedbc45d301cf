"""A stand-in for Langfuse, and tracers that try quickly and give up quickly."""

from __future__ import annotations

import pytest
from langfuse_standin import PUBLIC_KEY, SECRET_KEY, StandIn
from trace_rounds import tracers

from mcstress.tracing.langfuse.settings import LangfuseSettings
from mcstress.tracing.langfuse.tracer import LangfuseTracer

VERSIONS = ("2.95.9", "3.40.0", "3.225.0", "4.16.0")


@pytest.fixture(params=VERSIONS)
def standin(request):
    """A server of each generation."""
    with StandIn(request.param) as server:
        yield server
    assert server.faults == []


@pytest.fixture
def newest():
    """A server of the newest generation."""
    with StandIn() as server:
        yield server
    assert server.faults == []


@pytest.fixture
def trace_to(tmp_path, caplog):
    """Makes tracers for an address."""

    def make(number, url, *, run, secret_key=SECRET_KEY, **details):
        return LangfuseTracer(
            LangfuseSettings(url, PUBLIC_KEY, secret_key),
            run,
            worker="w1",
            spool_path=tmp_path / f"run.{number}.spool.jsonl",
            **details,
        )

    with tracers(tmp_path, caplog, make, PUBLIC_KEY, SECRET_KEY) as start:
        yield start
