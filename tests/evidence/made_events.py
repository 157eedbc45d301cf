"""Events made up for the tests of evidence/: plausible, and the same on every call."""

from __future__ import annotations

from mcstress.metrics.event import Event, Hit, StepRecord, utc

START_S = 1_790_000_000.0


def made_event(seq: int = 1, **changes) -> Event:
    """A baseline event of alice, one millisecond after its forerunner, with ``changes``."""
    time = changes.pop("time_s", START_S + seq / 1000)
    fields = {
        "seq": seq,
        "worker": "local",
        "time": utc(time),
        "round": 1,
        "trio": 1,
        "phase": "baseline",
        "coordinator": "alice",
        "contract": "alpha_milwaukee_distribution",
        "role": "warehouse worker",
        "query": "warehouse worker in Milwaukee with forklift certificate, first shift",
        "k": 8,
        "top_k": [Hit(f"w-{seq + rank:05}", "workers", 0.1 + rank / 50) for rank in range(8)],
        "per_corpus_counts": {"workers": 6, "ethereal_workers": 2},
        "corpus_sizes": {"workers": 5000, "ethereal_workers": 10000},
        "users": 3,
        "latency_ms": 2.5,
        "steps": [StepRecord("matrix.search", utc(time), 2.5)],
    }
    return Event(**(fields | changes))
