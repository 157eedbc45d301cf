"""A stand-in for Langfuse, and tracers that try quickly and give up quickly."""

from __future__ import annotations

import msgspec
import pytest
from langfuse_standin import PUBLIC_KEY, SECRET_KEY, StandIn
from trace_rounds import RUN

from mcstress.tracing.langfuse.settings import LangfuseSettings
from mcstress.tracing.langfuse.tracer import LangfuseTracer
from mcstress.tracing.limits import Limits

QUICK = Limits(sweep_s=0.05, tries=3, first_wait_s=0.02, longest_pause_s=0.1, spare_bytes=0)
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
    """Makes tracers for an address; no key is in any log or file in the end."""
    tracers = []

    def make(url, **details):
        limits = msgspec.structs.replace(QUICK, **details.pop("limits", {}))
        tracer = LangfuseTracer(
            LangfuseSettings(url, PUBLIC_KEY, details.pop("secret_key", SECRET_KEY)),
            details.pop("run", RUN),
            worker="w1",
            spool_path=tmp_path / f"run.{len(tracers)}.spool.jsonl",
            limits=limits,
            **details,
        )
        tracer.start()
        tracers.append(tracer)
        return tracer

    yield make
    for tracer in tracers:
        tracer.finish(0.1)
    everywhere = caplog.text + "".join(path.read_text() for path in tmp_path.rglob("*.jsonl*"))
    assert PUBLIC_KEY not in everywhere
    assert SECRET_KEY not in everywhere
