"""Heads of runs as compare reads them: only the figures that it judges, and no events."""

from __future__ import annotations

from datetime import timedelta
from math import exp
from pathlib import Path

import msgspec
from made_report import CHECKS as SEED_CHECKS
from made_report import run_section, typed

from mcstress.metrics.event import encoder
from mcstress.metrics.intervals import wilson
from mcstress.metrics.phase import PHASES
from mcstress.metrics.verdict import evaluate, parse_check

CHECKS = (
    "determinism.mean_jaccard >= 0.95",
    "handover.verbatim.top1_rate >= 0.9",
    "freshness.top_k_rate >= 0.9",
    "swap.returned == 0",
    "errors.rate <= 0.05",
)
SHARES = {
    "determinism": ("mean_jaccard", "pairs"),
    "handover.verbatim": ("top1_rate", "queries"),
    "freshness": ("top_k_rate", "resumes"),
}
SAMPLES = 96
STEPS = 5_000


class MadeFile:
    """A run as ``read_run`` gives it, without a file."""

    def __init__(self, events=(), latency=None, path="made.json", **section):
        self.path = Path(path)
        run = run_section(**section)
        self.head = {
            "run": msgspec.to_builtins(run),
            "scenario": {"name": "three_cities", "variants": [{"contracts": []}]},
            "completeness": {"complete": True},
            "latency": latency or {},
            "thresholds": [msgspec.to_builtins(parse_check(check)) for check in SEED_CHECKS],
        }
        self.has_digests = True
        self.raw = [encoder.encode(event) for event in events]

    @property
    def document(self):
        return typed(self.head)

    def faults(self):
        return []

    def raw_events(self):
        return iter(self.raw)

    raw_events_as_made = raw_events


def made_run(path, *, p95_ms=5.0, seconds=60.0, shares=None, failed=0, checks=CHECKS, **section):
    """A run of ``seconds`` of 5,000 steps; ``shares`` by section, 1 where not told."""
    ended = run_section().started + timedelta(seconds=seconds)
    file = MadeFile(path=path, evidence="none", ended=ended, **section)
    metrics = {
        "errors": {"steps": STEPS, "failed": failed, "rate": failed / STEPS,
                   "ci95": [*wilson(failed / STEPS, STEPS)]},
        "swap": {"swaps": 20, "returned": 0},
    }  # fmt: skip
    for section_, (leaf, samples) in SHARES.items():
        share = (shares or {}).get(section_, 1.0)
        if share is None:
            continue
        *above, last = section_.split(".")
        place = metrics
        for key in above:
            place = place.setdefault(key, {})
        place[last] = {leaf: share, samples: SAMPLES, "ci95": [*wilson(share, SAMPLES)]}
    latency = {"matrix_search": {"count": STEPS, "p50_ms": p95_ms / 2, "p95_ms": p95_ms}}
    file.head |= {"metrics": metrics, "latency": latency}
    asked = [parse_check(check) for check in checks]
    outcomes = evaluate(asked, file.head, selected_phases=PHASES, complete=True)
    verdicts = {outcome.verdict for outcome in outcomes}
    file.head |= {
        "checks": outcomes,
        "thresholds": asked,
        "verdict": "fail" if "fail" in verdicts else "pass",
    }
    return file


def drawn_runs(rng, effects, *, side, runs=4, ratio=1.0):
    """Runs whose speed has ``effects(rng, shape)`` of their own, and whose shares are counted."""
    speeds = effects(rng, (runs, 2))
    found = []
    for number, (latency, pace) in enumerate(speeds.tolist()):
        shares = {name: rng.binomial(SAMPLES, 0.97) / SAMPLES for name in SHARES}
        found.append(
            made_run(
                f"{side}{number}.json",
                p95_ms=5 * ratio * exp(latency),
                seconds=60 * exp(pace),
                shares=shares,
                failed=int(rng.poisson(STEPS * 0.002)),
            )
        )
    return found
