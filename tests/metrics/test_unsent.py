"""What the load generator could not send is charged to nobody, and no check can pass."""

from __future__ import annotations

from made_run import K, at, users_timeline

from mcstress.metrics.event import OWN_FAULT, Event, StepRecord
from mcstress.metrics.figures import Figures
from mcstress.metrics.phase import PHASES
from mcstress.metrics.verdict import evaluate, parse_check

SENT, UNSENT = 20, 10


def surge(number, latency_ms, error=None):
    step = StepRecord("matrix.search", at(number), latency_ms, error)
    outcome = "ok" if error is None else "failed"
    return Event(
        seq=number, worker="w", time=at(number), round=1, trio=1, phase="surge",
        coordinator="alice", k=K, users=1, outcome=outcome, latency_ms=latency_ms, steps=[step],
    )  # fmt: skip


def test_it_is_counted_apart():
    events = [surge(number, 5.0) for number in range(SENT)]
    events += [surge(SENT + n, 0.01, f"{OWN_FAULT}too many open files") for n in range(UNSENT)]
    figures = Figures(K)
    for event in events:
        figures.add(event)
    results = figures.result(users_timeline(events))
    errors, latency = results["metrics"]["errors"], results["latency"]
    assert (errors["steps"], errors["failed"], errors["by_reason"]) == (SENT, 0, [])
    assert latency["matrix_search"]["count"] == latency["phases"]["surge"]["count"] == SENT
    assert results["faults"]["unsent_steps"] == UNSENT
    checks = map(parse_check, ("errors.rate <= 0.01", "latency.matrix_search.p50_ms < 100"))
    for outcome in evaluate(checks, results, selected_phases=[*PHASES], complete=True):
        assert outcome.verdict == "unknown"
        assert outcome.reason.startswith(f"the load generator could not send {UNSENT} steps")
