"""Checks judged: pass, fail, unknown or skipped, and the verdict of a run.

The point value decides; where the interval crosses the threshold, the outcome says so. What cannot
be judged is unknown, never pass.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec

from mcstress.metrics.check import OPERATORS, Check, CheckSyntaxError, parse_check
from mcstress.metrics.faults import UNSENT_STEPS
from mcstress.metrics.names import METRICS, PLANNED_SHARE, find
from mcstress.metrics.results import says

__all__ = ["Check", "CheckOutcome", "CheckSyntaxError", "evaluate", "overall", "parse_check"]

Verdict = Literal["pass", "fail", "unknown", "skipped"]


class CheckOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a check, and why."""

    check: Annotated[str, says("as it was asked for")]
    metric: Annotated[str, says("the name of its figure")]
    operator: Annotated[str, says("<, <=, >, >=, == or !=")]
    threshold: Annotated[float, says("what the figure is compared with")]
    verdict: Annotated[Verdict, says("pass, fail, unknown, or skipped: its phase was not chosen")]
    value: Annotated[float | None, says("the figure; null: there is none")]
    samples: Annotated[int, says("behind the figure")]
    needs: Annotated[int, says("with fewer samples it is unknown")]
    planned: Annotated[int | None, says("samples that were planned; null: not known")]
    ci95: Annotated[list[float] | None, says("95 % interval of the figure")]
    crosses: Annotated[bool, says("ci95 holds values on both sides of the threshold")]
    reason: Annotated[str, says("why, in words")]


class Seen(msgspec.Struct, frozen=True):
    """What a run's results hold of one figure."""

    value: float | None = None
    samples: int = 0
    planned: int | None = None
    ci95: list[float] | None = None

    def crosses(self, check: Check) -> bool:
        """Whether the interval holds values that pass and values that do not."""
        if self.ci95 is None:
            return False
        low, high = self.ci95
        ends = [OPERATORS[check.operator](end, check.threshold) for end in (low, high)]
        return ends[0] is not ends[1] or low < check.threshold < high

    def is_short_of(self, needs: int) -> bool:
        """Whether there are fewer samples than needed, or too few of those planned."""
        return self.samples < needs or self.samples < PLANNED_SHARE * (self.planned or 0)

    def shortage(self, needs: int) -> str:
        """Why there is too little to judge by."""
        if self.samples < needs:
            return f"{self.samples} samples, and it needs {needs}"
        if self.is_short_of(needs):
            return f"{self.samples} samples of {self.planned} planned: under {PLANNED_SHARE:.0%}"
        return f"{self.samples} samples do not give this figure"


def evaluate(
    checks: Iterable[Check],
    results: Mapping[str, Any],
    *,
    selected_phases: Collection[str],
    complete: bool,
    left_out: Mapping[str, str] = {},
) -> list[CheckOutcome]:
    """What becomes of each check. ``complete``: every event of every worker is in ``results``.

    ``left_out``: phases that the system under test cannot take part in, each with the reason.
    """
    phases = Phases(selected_phases, left_out)
    return [_safely(check, results, phases, complete=complete) for check in checks]


class Phases(msgspec.Struct, frozen=True):
    """The phases that ran, and those that could not."""

    selected: Collection[str]
    left_out: Mapping[str, str]

    def why_none(self, of: Collection[str]) -> str:
        """Why none of the phases that a figure is ``of`` ran; empty where one did."""
        if not set(of).isdisjoint(self.selected):
            return ""
        reasons = {self.left_out[phase] for phase in of if phase in self.left_out}
        return ", ".join(sorted(reasons)) or "not chosen: " + ", ".join(of)


def _safely(
    check: Check, results: Mapping[str, Any], phases: Phases, *, complete: bool
) -> CheckOutcome:
    try:
        return _judge(check, results, phases, complete=complete)
    except Exception as fault:  # noqa: BLE001  (a checker that crashes is unknown, never pass)
        reason = f"the check itself failed: {type(fault).__name__}: {fault}"
        return _outcome(check, "unknown", reason)


def _judge(
    check: Check, results: Mapping[str, Any], phases: Phases, *, complete: bool
) -> CheckOutcome:
    metric = METRICS[check.metric]
    seen = Seen(
        value=find(results, metric.name),
        samples=find(results, metric.samples) or 0,
        planned=find(results, metric.planned) if metric.planned else None,
        ci95=find(results, metric.interval) if metric.interval else None,
    )
    if not complete:
        return _outcome(check, "unknown", "events or workers are missing", seen)
    if unsent := find(results, f"faults.{UNSENT_STEPS}"):
        reason = f"the load generator could not send {unsent} steps (open files, ports or memory)"
        return _outcome(check, "unknown", reason, seen)
    if reason := phases.why_none(metric.phases):
        return _outcome(check, "skipped", reason, seen)
    if seen.value is None or seen.is_short_of(check.needs):
        return _outcome(check, "unknown", seen.shortage(check.needs), seen)
    held = OPERATORS[check.operator](seen.value, check.threshold)
    reason = f"{_shown(seen.value)} over {seen.samples} samples"
    if seen.ci95 and seen.crosses(check):
        reason += "; the interval [{:.3f}, {:.3f}] crosses the threshold".format(*seen.ci95)
    return _outcome(check, "pass" if held else "fail", reason, seen)


def _shown(value: float) -> str:
    """Four figures, or all before the point."""
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"  # noqa: PLR2004  (four)


def _outcome(check: Check, verdict: Verdict, reason: str, seen: Seen | None = None) -> CheckOutcome:
    seen = seen or Seen()
    return CheckOutcome(
        check=check.text,
        metric=check.metric,
        operator=check.operator,
        threshold=check.threshold,
        verdict=verdict,
        value=seen.value,
        samples=seen.samples,
        needs=check.needs,
        planned=seen.planned,
        ci95=seen.ci95,
        crosses=seen.crosses(check),
        reason=reason,
    )


def overall(outcomes: Iterable[CheckOutcome]) -> Literal["pass", "fail", "unknown"]:
    """Fail if one failed, else unknown if one is unknown or none could pass, else pass."""
    verdicts = {outcome.verdict for outcome in outcomes}
    if "fail" in verdicts:
        return "fail"
    return "pass" if "pass" in verdicts and "unknown" not in verdicts else "unknown"
