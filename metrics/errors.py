"""Errors: failed steps by all steps, by step, by reason. Lower is better.

The rate's interval is "within this run" (within_run.py); a band of users has none, for failures
come in bursts, and a band is too short to show how long those are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zlib import crc32

from mcstress.metrics.availability import GATEWAY
from mcstress.metrics.event import HIT_TWICE
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
from mcstress.metrics.rates import rate
from mcstress.metrics.tally import Tally
from mcstress.metrics.within_run import within_run

REASONS_KEPT = 1000
SLOT_REASONS = 40
"""Reasons that are kept of each slot of the timeline."""
REASON_LENGTH = 300

RANGES = (
    Range("<=", 0.01, "healthy", "few steps fail"),
    Range("<=", 1.0, "failing", "more steps fail than should"),
)


def one_fault(error: str) -> str:
    """``error`` without the id that differs each time a list holds a hit twice."""
    begin, end = HIT_TWICE
    return f"{begin}…{end}" if error.startswith(begin) and error.endswith(end) else error


class Reasons(Tally[tuple[str, str]]):
    """Steps by name and reason: of more than ``kept`` different ones, a fixed choice.

    A service that words every failure differently must not fill the memory. Those whose checksum
    is smallest are kept: one among the smallest of all is among the smallest of any part, so its
    count is whole, and merging in any order keeps the same ones.
    """

    def __init__(self, kept: int = REASONS_KEPT) -> None:
        super().__init__()
        self.kept = kept

    def add(self, step: str, reason: str) -> None:
        """Count a step."""
        self[step, reason[:REASON_LENGTH]] += 1
        if len(self) > 2 * self.kept:
            self.prune()

    def prune(self) -> None:
        """Forget all but the reasons with the smallest checksums."""
        if len(self) > self.kept:
            by_checksum = sorted(self, key=lambda key: (crc32("\0".join(key).encode()), key))
            for key in by_checksum[self.kept :]:
                del self[key]

    def rows(self, total: int) -> list[dict[str, Any]]:
        """The commonest first; what of ``total`` was not kept apart is counted in a last row."""
        kept = Reasons(self.kept)
        kept.merge(self)
        rows: list[dict[str, Any]] = [
            {"step": step, "reason": reason, "count": n}
            for (step, reason), n in sorted(kept.items(), key=lambda item: (-item[1], item[0]))
        ]
        if others := total - kept.total():
            rows.append({"step": None, "reason": "other reasons, each rare", "count": others})
        return rows

    def merge(self, other: Tally[tuple[str, str]]) -> None:
        """Add ``other``'s counts to these."""
        super().merge(other)
        self.prune()

    def state(self) -> list[list[Any]]:
        """One row per kept reason."""
        self.prune()
        return super().state()


class Errors(Metric):
    """``failed``: failed steps by name. ``reasons``: by name and reason. ``resent``: by name.

    ``SecondBucket`` feeds it, step by step.
    """

    key = section = "errors"

    def __init__(self) -> None:
        self.failed: Tally[tuple[str]] = Tally()
        self.reasons = Reasons()
        self.resent: Tally[tuple[str]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of all steps, and of each."""
        of = FigureGroup("errors", tuple(PHASES), "steps", None).name
        yield of("steps", COUNT, "steps, failed ones too")
        yield of("failed", COUNT, "steps that failed")
        meaning, label = "failed steps by all steps; lower is better", "failed steps by all steps"
        yield of("rate", RATE, meaning, "ci95", ranges=RANGES, label=label)
        yield of("resent", COUNT, "steps sent twice, for their idle connection had been closed")
        for step, phases in steps_and_phases():
            of = FigureGroup(f"errors.by_step.{step}", phases, "steps", None).name
            yield of("steps", COUNT, f"{step} steps")
            yield of("failed", COUNT, f"{step} steps that failed")
            yield of("rate", RATE, f"failed {step} steps by all of them; lower is better")

    def add_step(self, step: str, reason: str) -> None:
        """Count a failed step."""
        self.failed[(step,)] += 1
        self.reasons.add(step, reason)

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The section; ``context.steps`` has all steps, failed ones too."""
        steps = {name: context.steps[name].count for name in sorted(context.steps)}
        count, failed = sum(steps.values()), self.failed.total()
        ci95, label = _interval(context)
        return {
            "steps": count,
            "failed": failed,
            "rate": rate(failed, count),
            "ci95": ci95,
            "ci95_label": label,
            "resent": self.resent.total(),
            "by_step": {
                name.replace(".", "_"): {
                    "steps": n,
                    "failed": self.failed[(name,)],
                    "rate": rate(self.failed[(name,)], n),
                }
                for name, n in steps.items()
            },
            "by_reason": self.reasons.rows(failed),
        }


def _interval(context: ResultContext) -> tuple[list[float] | None, str | None]:
    """The rate's interval and what it is; None where this run cannot say."""
    whole = context.whole
    if whole is None:
        return None, None
    gateway = whole.availability.get(GATEWAY)
    silence_s = None if gateway is None else gateway.longest_silence_s
    found = within_run(whole.blocks, whole.run_s, silence_s)
    return (None, None) if found is None else ([*found[0]], found[1])
