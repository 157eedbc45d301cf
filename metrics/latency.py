"""Latency: how fast is it all? By step and by phase, in ms, mergeable exactly (histogram.py).

A step's latency is the service's own time, whether it answered or failed: leaving out the steps
that timed out would flatter. The wait for an LLM slot stands apart. A phase's is its events'.
"""

from __future__ import annotations

from typing import Any

from metrics.event import Event
from metrics.histogram import Histograms
from metrics.tally import Accumulator

LLM_PREFIX = "llm."


class Latency(Accumulator):
    """Histograms by step, of the waits for an LLM slot by step, and of whole events by phase."""

    def __init__(self) -> None:
        self.steps = Histograms()
        self.queue = Histograms()
        self.phases = Histograms()

    def add(self, event: Event) -> None:
        """Count the latencies of an event; the event's own only where it came to its end."""
        for step in event.steps:
            self.steps[step.name].record(step.latency_ms)
            if step.name.startswith(LLM_PREFIX):
                self.queue[step.name].record(step.queue_ms)
        if event.steps and event.outcome != "cut":
            self.phases[event.phase].record(event.latency_ms)

    def result(self) -> dict[str, Any]:
        """``{step: {count, p50_ms, …}, "queue": {step: …}, "phases": {phase: …}}``."""
        return {
            **_summaries(self.steps),
            "queue": _summaries(self.queue),
            "phases": _summaries(self.phases),
        }


def _summaries(histograms: Histograms) -> dict[str, Any]:
    return {name.replace(".", "_"): histograms[name].summary() for name in sorted(histograms)}
