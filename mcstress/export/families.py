"""What is exported, before any format: families of values, by name, kind and unit.

Names follow OpenTelemetry, with dots; Prometheus writes ``mcstress.step.duration`` in seconds as
``mcstress_step_duration_seconds``, and so does whoever translates OTLP for it. Every value is the
master's merged state, counted from the run's start. No label has an id of a hit, the text of a
query or an error's words: those come from services.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, get_args

import msgspec

from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.band import Band
from mcstress.metrics.histogram import Histogram, Histograms
from mcstress.metrics.metric import FAULTS, JACCARD, RATE
from mcstress.metrics.names import metric_names
from mcstress.metrics.verdict import Verdict

Kind = Literal["counter", "gauge", "histogram"]

SECONDS, RATIO, NO_UNIT = "s", "1", ""
VERDICTS = ("pass", "fail", "unknown")
OF_CHECKS: tuple[str, ...] = get_args(Verdict)
MS_PER_S = 1000.0

OWN_FAMILIES = ("latency.", "events.", "faults.", "errors.by_step.")
"""Figures that histograms and counters say better: no gauge is made of them."""
STILL_GAUGES = ("latency.response.", "latency.lateness.")
"""Of those with a schedule, whose percentiles count what never ended."""


class Point(msgspec.Struct, frozen=True):
    """One value of a family, with its labels."""

    labels: dict[str, str]
    value: float | Histogram


class Family(msgspec.Struct, frozen=True):
    """All values of one name. ``unit`` is one of UCUM's: ``s``, ``1`` for a share, or empty."""

    name: str
    kind: Kind
    meaning: str
    unit: str
    points: list[Point]


class ExportedRun(msgspec.Struct, frozen=True):
    """A run at one moment: its document so far, all its bands as one, and whether it goes on."""

    document: RunDocument
    band: Band
    active: bool


def families(reading: ExportedRun | None) -> list[Family]:
    """All that is exported; of no run yet, that there is none."""
    if reading is None:
        return [_active(active=False)]
    document, band = reading.document, reading.band
    made = [
        _run(document),
        _active(active=reading.active),
        *_people(document, active=reading.active),
        *_counts(document, band),
        *_durations(band),
        *_judgement(document),
        *_figures(document),
    ]
    return [family for family in made if family.points]


def _active(*, active: bool) -> Family:
    return _gauge("run.active", "1 while a run is on, else 0", [Point({}, float(active))])


def _run(document: RunDocument) -> Family:
    run = document.run
    labels = {
        "run_id": run.run_id,
        "run_uid": run.run_uid,
        "scenario": document.asked.name,
        "mode": run.mode,
        "system": "embedded" if any(one.embedded for one in run.services) else "own",
        "version": run.versions.get("multi-coordinator-stress", ""),
    }
    return _gauge("run.info", "which run the values are of; always 1", [Point(labels, 1.0)])


def _people(document: RunDocument, *, active: bool) -> Iterator[Family]:
    now = document.users[-1][1] if active and document.users else 0
    yield _gauge("users", "concurrent users", [Point({}, float(now))])
    lost = sum(worker.lost for worker in document.completeness.workers)
    there = len(document.completeness.workers) - lost
    states = (("here", there), ("lost", lost))
    points = [Point({"state": state}, float(number)) for state, number in states]
    yield _gauge("workers", "processes that make the load", points)
    if document.run.started is not None:
        began_s = document.run.started.timestamp()
        yield _gauge("run.start_time", "Unix time of the begin", [Point({}, began_s)], SECONDS)


def _counts(document: RunDocument, band: Band) -> Iterator[Family]:
    events = sorted(band.events.items())
    yield _counter(
        "events",
        "events by phase and outcome",
        [Point({"phase": phase, "outcome": what}, n) for (phase, what), n in events],
    )
    steps = sorted(band.latency.steps.items())
    yield _counter(
        "steps",
        "steps that went out, failed ones too; looks for new items are not among them",
        [Point({"step": name}, histogram.count) for name, histogram in steps],
    )
    yield _counter(
        "step.failures",
        "steps that failed",
        [Point({"step": name}, band.errors.failed[(name,)]) for name, _ in steps],
    )
    yield _counter(
        "faults",
        "oddities in what was measured, by kind (docs/metrics.md)",
        [Point({"fault": fault}, document.faults.get(fault, 0)) for fault in FAULTS],
    )
    traces = document.completeness.tracing
    fates = {
        "made": traces.made,
        "sampled_out": traces.sampled_out,
        "delivered": traces.delivered,
        "spooled": traces.spooled,
    }
    yield _counter(
        "trace.observations",
        "observations for Langfuse or a collector, by what became of them",
        [Point({"fate": fate}, n) for fate, n in fates.items() if n is not None],
    )


def _durations(band: Band) -> Iterator[Family]:
    latency = band.latency
    yield _histogram("step.duration", "time of a step at the service", "step", latency.steps)
    yield _histogram("llm.slot_wait", "wait for an LLM slot", "step", latency.queue)
    yield _histogram(
        "phase.duration", "time of a whole event, waits included", "phase", latency.phases
    )
    yield _histogram(
        "phase.service_duration",
        "time of a whole event that services took",
        "phase",
        latency.phases_service,
    )


def _judgement(document: RunDocument) -> Iterator[Family]:
    yield _gauge(
        "verdict",
        "1 for the verdict so far",
        [Point({"verdict": one}, float(one == document.verdict)) for one in VERDICTS],
    )
    yield _gauge(
        "check",
        "1 for what a check says so far",
        [
            Point({"check": check.check, "verdict": one}, float(one == check.verdict))
            for check in document.checks
            for one in OF_CHECKS
        ],
    )
    whole = float(document.completeness.complete)
    yield _gauge("complete", "1 while nothing is known to be missing", [Point({}, whole)])


def _figures(document: RunDocument) -> Iterator[Family]:
    """A gauge for every figure that is known, in seconds or as a ratio where it has such a unit."""
    for named in metric_names():
        if named.name.startswith(OWN_FAMILIES) and not named.name.startswith(STILL_GAUGES):
            continue
        value = document.figure(named.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        name, unit = named.name, NO_UNIT
        if named.unit == "ms":
            name, unit, value = name.removesuffix("_ms"), SECONDS, value / MS_PER_S
        elif named.unit == "s":
            name, unit = name.removesuffix("_s").replace("_s.", "."), SECONDS
        elif named.unit in (RATE, JACCARD):
            unit = RATIO
        # Prometheus keeps names that end in "_count" for its own histograms.
        name = re.sub(r"([._])count$", r"\1number", name)
        yield _gauge(name, named.meaning, [Point({}, float(value))], unit)


def _gauge(name: str, meaning: str, points: list[Point], unit: str = NO_UNIT) -> Family:
    return Family(f"mcstress.{name}", "gauge", meaning, unit, points)


def _counter(name: str, meaning: str, points: Iterable[Point]) -> Family:
    return Family(f"mcstress.{name}", "counter", meaning, NO_UNIT, [*points])


def _histogram(name: str, meaning: str, label: str, histograms: Histograms) -> Family:
    named: Mapping[str, Histogram] = histograms
    points = [Point({label: its}, named[its]) for its in sorted(named) if named[its].count]
    return Family(f"mcstress.{name}", "histogram", meaning, SECONDS, points)
