"""What the end of a run cuts in pgvector's class leaves no connection amid an answer."""

from __future__ import annotations

import os
import time

import gevent
import pytest
from real.systems import PgVector, booted

from mcstress.services.target import Item, Recording, Search, TargetSetup
from mcstress.services.trace_context import TraceContext

pytestmark = pytest.mark.targets
TRACE = TraceContext("0" * 31 + "1", sampled=False)
RECORDING = Recording("welder in Bremen", Item("w-1", "workers"), "n", "welder")
RECALL = Search("welder in Bremen", ["workers"], 3, memory="n")
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def cut(connection, lock, work):
    """``work``, ended while it waits for what ``lock`` holds."""
    with connection.transaction():
        connection.execute(lock)
        greenlet = gevent.spawn(work)
        end = time.monotonic() + 30
        while connection.execute(WAITING).fetchone() == (0,):
            assert time.monotonic() < end, repr(greenlet.value)
            gevent.sleep(0.01)
        greenlet.kill()


def test_what_is_cut_is_asked_again_on_another_connection(needs, tmp_path):
    needs("pgvector")
    import psycopg

    from mcstress.targets import pgvector

    with (
        booted(PgVector, tmp_path / "data"),
        psycopg.connect(os.environ[pgvector.VARIABLE], autocommit=True) as other,
    ):
        target = pgvector.PgVector(TargetSetup(seed=42))
        cut(
            other,
            f"SELECT pg_advisory_xact_lock({pgvector.LOCK})",
            lambda: target.record(RECORDING, TRACE),
        )
        assert target.record(RECORDING, TRACE).error is None
        cut(other, "LOCK TABLE mcs_memory", lambda: target.recall(RECALL, TRACE))
        found = target.recall(RECALL, TRACE)
        assert found.error is None
        assert [(hit.corpus, hit.id) for hit in found.answer.hits] == [("workers", "w-1")]
        target.close()
