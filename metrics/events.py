"""Events: how many there were, by phase and by what became of them, and the faults among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcstress.metrics.metric import COUNT, FAULTS, Metric, MetricName, ResultContext
from mcstress.metrics.phase import MIX_NAMES, PHASES
from mcstress.metrics.tally import Tally

OUTCOMES = ("ok", "failed", "skipped", "unmet", "cut")


class Events(Metric):
    """``counted``: events by phase and outcome. ``SecondBucket`` feeds it, a second's at once."""

    key = section = "events"

    def __init__(self) -> None:
        self.counted: Tally[tuple[str, str]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The events of all, of each phase, of each outcome, and the faults."""
        total = "events.total"
        yield MetricName(total, "events of all outcomes", COUNT, tuple(PHASES), total)
        for phase in PHASES:
            meaning = f"events of {phase}"
            yield MetricName(f"events.by_phase.{phase}", meaning, COUNT, (phase,), total)
        for outcome in OUTCOMES:
            name, meaning = f"events.by_outcome.{outcome}", f"events whose outcome is {outcome}"
            yield MetricName(name, meaning, COUNT, tuple(PHASES), total)
        for fault, meaning in FAULTS.items():
            yield MetricName(f"faults.{fault}", meaning, COUNT, tuple(PHASES), total)

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The section.

        Without those of a mix where there was none: an earlier run of the process may have had one.
        """
        del context
        has_mix = any(phase in MIX_NAMES for phase, _ in self.counted)
        phases = [phase for phase in PHASES if has_mix or phase not in MIX_NAMES]
        by_phase, by_outcome = dict.fromkeys(phases, 0), dict.fromkeys(OUTCOMES, 0)
        for (phase, outcome), count in sorted(self.counted.items()):
            by_phase[phase] = by_phase.get(phase, 0) + count
            by_outcome[outcome] += count
        total = self.counted.total()
        return {"total": total, "by_phase": by_phase, "by_outcome": by_outcome}

    def state(self) -> Any:
        """The rows of ``counted``, as every version wrote them."""
        return self.counted.state()

    def restore(self, state: Any) -> None:
        """Add what ``state()`` gave."""
        self.counted.restore(state)
