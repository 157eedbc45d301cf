"""Latency: how fast is it all? By step and by phase, in ms, mergeable exactly (histogram.py).

A step's latency is the service's own time, whether it answered or failed: leaving out the steps
that timed out would flatter. The wait for an LLM slot stands apart. A phase's is its events' from
begin to end, waits included, but for those cut off; beside it stands the time of theirs that
services took. A step that a target makes of several requests has a figure, and its parts have:
the slowest of those of one name, which go out at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum
from typing import Any

from mcstress.metrics.histogram import Histograms
from mcstress.metrics.metric import COUNT, FigureGroup, Metric, MetricName, ResultContext
from mcstress.metrics.phase import PHASES

STEP_PHASES: dict[str, tuple[str, ...]] = {
    "matrix_search": (),
    "playbook_record": ("baseline",),
    "observerd_inbox_record": ("inbox",),
    "llm_parse_demand": ("inbox",),
    "llm_judge_top1": ("inbox",),
    "llm_paraphrase": ("handover_paraphrase",),
    "embed": ("fresh_resume",),
    "index_add": ("fresh_resume",),
    "index_update": ("fresh_resume",),
    "index_delete": ("fresh_resume",),
    "playbook_forget": ("fresh_resume",),
}
"""The phases of ours that take each step; steps as JSON and checks spell them.

None: all phases, and those of a user's own, which may take any step, too.
"""

PART_PHASES: dict[str, tuple[str, ...]] = {
    "embed_query": (),
    "store_query": (),
    "record_time_to_done": ("baseline",),
    "add_time_to_done": ("fresh_resume",),
}
"""The same for the parts of steps, which are in no count of steps."""

OUR_PHASES = frozenset(PHASES)

PERCENTILE_WORDS = {
    "p50_ms": "median",
    "p90_ms": "90th percentile",
    "p95_ms": "95th percentile",
    "p99_ms": "99th percentile",
    "p999_ms": "99.9th percentile",
    "max_ms": "largest",
}


def steps_and_phases(
    of: dict[str, tuple[str, ...]] = STEP_PHASES,
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each step, and the phases that may take it: those of a user's own may take any."""
    own = tuple(name for name in PHASES if name not in OUR_PHASES)
    for step, phases in of.items():
        yield step, (*phases, *own) if phases else tuple(PHASES)


class Latency(Metric):
    """Histograms by step and part, of the waits for an LLM slot, and of whole events by phase.

    ``phases_service``: what services took of those.

    ``SecondBucket`` feeds it, a second's worth at once.
    """

    key = section = "latency"

    def __init__(self) -> None:
        self.steps = Histograms()
        self.parts = Histograms()
        self.queue = Histograms()
        self.phases = Histograms()
        self.phases_service = Histograms()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The percentiles of each step, of each LLM step's wait, and of each phase."""
        for step, phases in steps_and_phases():
            yield from percentile_names(f"latency.{step}", f"latency of {step} steps", phases)
            if step.startswith("llm_"):
                waits = f"wait of {step} for an LLM slot"
                yield from percentile_names(f"latency.queue.{step}", waits, phases)
        for part, phases in steps_and_phases(PART_PHASES):
            whose = f"time of {part}, a part of steps of several requests"
            yield from percentile_names(f"latency.{part}", whose, phases)
        for phase in PHASES:
            whole = f"latency of whole {phase} events"
            yield from percentile_names(f"latency.phases.{phase}", whole, (phase,))
            service = f"time of whole {phase} events that services took"
            yield from percentile_names(f"latency.phases_service.{phase}", service, (phase,))

    def mean_event_ms(self) -> float | None:
        """The mean time of an event from begin to end; None where none ended."""
        count = sum(histogram.count for histogram in self.phases.values())
        total_ms = fsum(histogram.total_ms for histogram in self.phases.values())
        return total_ms / count if count else None

    def result(self, context: ResultContext | None = None) -> dict[str, Any]:
        """{count, p50_ms, …} by step or part, by step in ``queue``, by phase in the other two."""
        del context
        return {
            **self.steps.summaries(),
            **self.parts.summaries(),
            "queue": self.queue.summaries(),
            "phases": self.phases.summaries(),
            "phases_service": self.phases_service.summaries(),
        }


def percentile_names(path: str, whose: str, phases: tuple[str, ...]) -> Iterator[MetricName]:
    """The figures of a histogram's summary at ``path``."""
    of = FigureGroup(path, phases, "count", None).name
    yield of("count", COUNT, f"samples of the {whose}")
    for leaf, percentile in PERCENTILE_WORDS.items():
        yield of(leaf, "ms", f"{percentile} of the {whose}; lower is better")
