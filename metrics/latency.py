"""Latency: how fast is it all? By step and by phase, in ms, mergeable exactly (histogram.py).

A step's latency is the service's own time, whether it answered or failed: leaving out the steps
that timed out would flatter. The wait for an LLM slot stands apart. A phase's is its events', but
for those cut off.
"""

from __future__ import annotations

from typing import Any

from mcstress.metrics.histogram import Histograms
from mcstress.metrics.tally import Accumulator


class Latency(Accumulator):
    """Histograms by step, of the waits for an LLM slot by step, and of whole events by phase."""

    def __init__(self) -> None:
        self.steps = Histograms()
        self.queue = Histograms()
        self.phases = Histograms()

    def result(self) -> dict[str, Any]:
        """``{step: {count, p50_ms, …}, "queue": {step: …}, "phases": {phase: …}}``."""
        return {
            **self.steps.summaries(),
            "queue": self.queue.summaries(),
            "phases": self.phases.summaries(),
        }
