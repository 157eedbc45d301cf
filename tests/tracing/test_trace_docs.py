"""docs/tracing.md names what is there: variables, counts, reasons, limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcstress.tracing import delivery as sender
from mcstress.tracing import tracer
from mcstress.tracing.delivery_counts import FateCounts
from mcstress.tracing.http import batch_posting, delivery_outcome
from mcstress.tracing.http.answer_limit import LARGEST_ANSWER
from mcstress.tracing.langfuse import client as server
from mcstress.tracing.langfuse import settings
from mcstress.tracing.limits import Limits
from mcstress.tracing.otlp import settings as collector
from mcstress.tracing.spool import spool
from mcstress.tracing.spool.replay import TIMEOUT_S
from mcstress.tracing.untraced import COULD_NOT

TEXT = (Path(__file__).parents[2] / "docs" / "tracing.md").read_text()
LIMITS = Limits()


@pytest.mark.parametrize("name", settings.NAMES)
def test_every_variable(name):
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize(
    "name",
    [
        *collector.TRACES.variables("ENDPOINT"),
        *collector.TRACES.variables("HEADERS"),
        *collector.TRACES.variables("PROTOCOL"),
        *collector.TRACES.variables("COMPRESSION"),
    ],
)
def test_every_variable_of_a_collector(name):
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize("name", FateCounts.__struct_fields__)
def test_every_count(name):
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize(
    "reason",
    [
        sender.FAULT,
        server.NO_SESSION_SCORES,
        batch_posting.UNSERIALISABLE,
        spool.FULL,
        spool.DISK_FULL,
        spool.REMOVED,
        tracer.NO_ROOM,
        tracer.TOO_LATE,
        COULD_NOT,
        delivery_outcome.REJECTED,
    ],
)
def test_every_reason(reason):
    assert f"| `{reason}` |" in TEXT


@pytest.mark.parametrize(
    "words",
    [
        f"up to {LIMITS.buffer} steps",
        f"{LIMITS.outbox_items:,} observations and {LIMITS.outbox_bytes >> 20} MiB",
        f"up to {LIMITS.post} at once",
        f"in batches of {LIMITS.first_score_post}, growing to {LIMITS.score_post}",
        f"{LIMITS.scores_waiting:,} scores",
        f"more than {LARGEST_ANSWER >> 20} MiB",
        f"{TIMEOUT_S:g} s for an answer",
        f"nothing for {LIMITS.timeout_s:g} s",
        f"a pause of up to {LIMITS.longest_pause_s:g} s",
        f"cut at {LIMITS.body_bytes >> 10} KiB",
        f"holds {LIMITS.spool_bytes >> 30} GiB",
        f"under {LIMITS.spare_bytes >> 20} MiB",
        ".".join(map(str, server.FIRST_WITH_OTLP)) + " and later",
        "Before " + ".".join(map(str, server.FIRST_WITH_SESSION_SCORES)),
    ],
)
def test_every_limit(words):
    assert words in TEXT
