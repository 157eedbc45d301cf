"""The figures of availability: of the gateway, and the LLM's beside them.

What counts stands in availability.py. It is of a run as a whole: a band of users has none of it,
for a silence is nobody's fault that could be told by how many users there were.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from mcstress.metrics.availability import GATEWAY, LLM
from mcstress.metrics.latency import steps_and_phases
from mcstress.metrics.metric import (
    COUNT,
    RATE,
    FigureGroup,
    Metric,
    MetricName,
    Range,
    ResultContext,
)
from mcstress.metrics.phase import PHASES

SECONDS = "s"
LONGEST_S = 2.0

RANGES = (
    Range("<=", LONGEST_S, "healthy", "something succeeded all the time"),
    Range(">", LONGEST_S, "silent", "for a time nothing succeeded"),
)


class AvailabilityFigures(Metric):
    """It counts nothing: ``Accumulators.availability`` does, and comes with the context."""

    key = section = "availability"

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the gateway, and the same of the LLM."""
        asking = {
            phase for step, its in steps_and_phases() if step.startswith("llm_") for phase in its
        }
        of_llm = tuple(phase for phase in PHASES if phase in asking)
        yield from _of_service("availability", "gateway", tuple(PHASES), RANGES)
        yield from _of_service(f"availability.{LLM}", "LLM", of_llm, ())

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The section; empty for a band. ``silences`` are {begin, seconds}, the first twenty."""
        whole = context.whole
        if whole is None:
            return {}
        sections = {
            name: msgspec.to_builtins(reading) for name, reading in whole.availability.items()
        }
        return {**sections.get(GATEWAY, {}), **({LLM: sections[LLM]} if LLM in sections else {})}


def _of_service(
    path: str, service: str, phases: tuple[str, ...], ranges: tuple[Range, ...]
) -> Iterator[MetricName]:
    of = FigureGroup(path, phases, "slots", None).name
    over = f"{path}.measured_s"
    rate = f"share of the run's time in which the {service} was not silent; higher is better"
    longest = (
        f"longest time in which the {service} was asked and nothing succeeded; lower is better"
    )
    of_time = f"time in which the {service} was not silent"
    yield of("rate", RATE, rate, measured=over, label=of_time)
    silence = f"longest silence of the {service}, s"
    yield of("longest_silence_s", SECONDS, longest, measured=over, ranges=ranges, label=silence)
    yield of("silent_s", SECONDS, f"time in which the {service} was silent")
    yield of("silence_count", COUNT, f"silences of the {service}, of 1 s or more")
    yield of("slots", COUNT, f"slots in which a request to the {service} was in flight")
    yield of("slot_s", SECONDS, "width of a slot")
    yield of("cap_s", SECONDS, "a success that took longer vouches for the slot of its end only")
    yield of("measured_s", SECONDS, "length of the run, without paused_s")
    paused = "time that is left out: the load generator itself stood still, and nothing succeeded"
    yield of("paused_s", SECONDS, paused)
