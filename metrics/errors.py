"""Errors: failed steps by all steps, by step, by reason. Lower is better; interval Wilson's."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from mcstress.metrics.histogram import Histograms
from mcstress.metrics.rates import rate, rate_ci95
from mcstress.metrics.tally import Accumulator, Tally

REASONS_KEPT = 1000
REASON_LENGTH = 300


class Reasons(Tally[tuple[str, str]]):
    """Steps by name and reason: of more than 1,000 different ones, a fixed choice.

    A service that words every failure differently must not fill the memory. Those whose checksum
    is smallest are kept: one among the smallest of all is among the smallest of any part, so its
    count is whole, and merging in any order keeps the same ones.
    """

    def add(self, step: str, reason: str) -> None:
        """Count a step."""
        self[step, reason[:REASON_LENGTH]] += 1
        if len(self) > 2 * REASONS_KEPT:
            self.prune()

    def prune(self) -> None:
        """Forget all but the 1,000 reasons with the smallest checksums."""
        if len(self) > REASONS_KEPT:
            by_checksum = sorted(self, key=lambda key: (crc32("\0".join(key).encode()), key))
            for key in by_checksum[REASONS_KEPT:]:
                del self[key]

    def rows(self, total: int) -> list[dict[str, Any]]:
        """The commonest first; what of ``total`` was not kept apart is counted in a last row."""
        kept = Reasons(self)
        kept.prune()
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


class Errors(Accumulator):
    """``failed``: failed steps by name. ``reasons``: by name and reason. ``resent``: by name."""

    def __init__(self) -> None:
        self.failed: Tally[tuple[str]] = Tally()
        self.reasons = Reasons()
        self.resent: Tally[tuple[str]] = Tally()

    def add(self, step: str, reason: str) -> None:
        """Count a failed step."""
        self.failed[(step,)] += 1
        self.reasons.add(step, reason)

    def result(self, latencies: Histograms) -> dict[str, Any]:
        """The section; ``latencies`` count all steps, failed ones too."""
        steps = {name: latencies[name].count for name in sorted(latencies)}
        count, failed = sum(steps.values()), self.failed.total()
        return {
            "steps": count,
            "failed": failed,
            "rate": rate(failed, count),
            "ci95": rate_ci95(failed, count),
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
