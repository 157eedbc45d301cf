"""The same against a real Langfuse, where MCSTRESS_TEST_LANGFUSE names its env file."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest
from trace_rounds import STEPS_PER_ROUND, balanced, event, round_events, step

from mcstress.tracing.langfuse.check import check_langfuse
from mcstress.tracing.langfuse.settings import load_settings
from mcstress.tracing.langfuse.tracer import LangfuseTracer
from mcstress.tracing.spool.replay import replay
from mcstress.tracing.trace import TraceRun

NAMED = os.environ.get("MCSTRESS_TEST_LANGFUSE")
pytestmark = pytest.mark.skipif(not NAMED, reason="MCSTRESS_TEST_LANGFUSE names no env file")
INGESTED_WITHIN_S = 90.0


@pytest.fixture
def settings():
    """The settings of the server that is named."""
    found, _ = load_settings(Path(NAMED), {})
    assert found
    return found


@pytest.fixture
def run():
    """A run that no other test had."""
    return TraceRun(uid=f"test-{uuid.uuid4().hex}", number="000", scenario="three_cities")


def test_a_round_with_scores(settings, run, tmp_path):
    tracer = LangfuseTracer(settings, run, worker="w1", spool_path=tmp_path / "spool.jsonl")
    tracer.start()
    for fired, steps in round_events(run=run):
        tracer.record(fired, steps)
    bad = step("llm.judge_top1", error="HTTP 502", response=b"\xff\x00")
    tracer.record(event("inbox", run=run), [bad])
    tracer.score("determinism", 0.98, trace_id=fired.trace_id)
    tracer.score("verdict", "pass")
    counts = tracer.finish(30)
    assert balanced(counts)
    assert counts.delivered == STEPS_PER_ROUND + 1
    assert counts.scores.delivered >= 1
    assert tracer.read_back(counts.delivered, INGESTED_WITHIN_S) == counts.delivered
    assert tracer.project_url
    assert " project " in check_langfuse(settings)[1]


def test_a_spool_is_replayed(settings, run, tmp_path):
    tracer = LangfuseTracer(settings, run, worker="w1", spool_path=tmp_path / "spool.jsonl")
    for fired, steps in round_events(run=run):
        tracer.record(fired, steps)
    counts = tracer.finish(0)
    assert counts.delivered + counts.spooled == STEPS_PER_ROUND
    if counts.spooled:
        assert replay(tmp_path / "spool.jsonl", settings).delivered == counts.spooled
    assert tracer.read_back(STEPS_PER_ROUND, INGESTED_WITHIN_S) == STEPS_PER_ROUND


def test_wrong_keys(settings):
    wrong = type(settings)(settings.url, settings.public_key, "sk-lf-wrong")
    assert "answers 401: check LANGFUSE_PUBLIC_KEY" in check_langfuse(wrong)[1]
