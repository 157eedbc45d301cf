"""The verdicts of both sides' runs, and the checks that A passes and B does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

import msgspec

from mcstress.evidence.report import formatting
from mcstress.evidence.store.history import RunFile
from mcstress.metrics.verdict import CheckOutcome


class FailedCheck(msgspec.Struct, frozen=True):
    """A check that failed in ``runs`` of a side's runs; ``value`` is the mean of those."""

    check: str
    runs: int
    value: float | None


class SideVerdict(msgspec.Struct, frozen=True):
    """How a side's runs ended: the number of runs by verdict, and the checks that failed."""

    verdicts: dict[str, int]
    failed: list[FailedCheck]


class LostCheck(msgspec.Struct, frozen=True):
    """A check that every run of A passes, and a run of B fails or leaves unknown.

    ``certain``: it fails, and each side's value is beyond the other's interval.
    """

    check: str
    certain: bool
    said: str


def side_verdict(runs: Sequence[RunFile]) -> SideVerdict:
    """The verdicts of one side."""
    verdicts = Counter(run.document.verdict for run in runs)
    failed: dict[str, list[CheckOutcome]] = {}
    for run in runs:
        for outcome in run.document.checks:
            if outcome.verdict == "fail":
                failed.setdefault(outcome.check, []).append(outcome)
    return SideVerdict(
        verdicts=dict(verdicts.most_common()),
        failed=[FailedCheck(check, len(its), _mean(its)) for check, its in failed.items()],
    )


def lost_checks(a: Sequence[RunFile], b: Sequence[RunFile]) -> list[LostCheck]:
    """The checks that hold in A and no longer in B, in A's order.

    Of a figure that B lacks ``only`` tells.
    """
    before, after = _by_check(a), _by_check(b)
    return [
        lost
        for check, its in before.items()
        if check in after and (lost := _lost(check, its, after[check]))
    ]


def _by_check(runs: Sequence[RunFile]) -> dict[str, list[CheckOutcome]]:
    """Each check's outcomes; a check that was skipped says nothing."""
    found: dict[str, list[CheckOutcome]] = {}
    for run in runs:
        for outcome in run.document.checks:
            if outcome.verdict != "skipped":
                found.setdefault(outcome.check, []).append(outcome)
    return found


def _lost(check: str, a: list[CheckOutcome], b: list[CheckOutcome]) -> LostCheck | None:
    failed = [outcome for outcome in b if outcome.verdict == "fail"]
    unknown = [outcome for outcome in b if outcome.verdict == "unknown"]
    if any(outcome.verdict != "pass" for outcome in a) or not (failed or unknown):
        return None
    if not failed:
        runs = f"{len(unknown)} of {formatting.plural(len(b), 'run')}"
        return LostCheck(check, certain=False, said=f"A passes it, {runs} of B cannot judge it")
    certain = _apart(a, b)
    said = f"A passes it with {_shown(a)}, {len(failed)} of {formatting.plural(len(b), 'run')} of B"
    beyond = "beyond both intervals" if certain else "which may be chance"
    return LostCheck(check, certain, f"{said} fail it, B has {_shown(b)}: {beyond}")


def _apart(a: list[CheckOutcome], b: list[CheckOutcome]) -> bool:
    """Whether each side's mean value is beyond all that the other's intervals hold."""
    means, hulls = [_mean(a), _mean(b)], [_hull(a), _hull(b)]
    return all(
        value is not None and hull is not None and not hull[0] <= value <= hull[1]
        for value, hull in zip(means, reversed(hulls), strict=True)
    )


def _mean(outcomes: list[CheckOutcome]) -> float | None:
    values = [outcome.value for outcome in outcomes if outcome.value is not None]
    return fmean(values) if values else None


def _hull(outcomes: list[CheckOutcome]) -> tuple[float, float] | None:
    """From the lowest to the highest of the runs' intervals; None where a run has none."""
    intervals = [outcome.ci95 for outcome in outcomes]
    known = [interval for interval in intervals if interval is not None]
    if not known or len(known) < len(intervals):
        return None
    return min(low for low, _ in known), max(high for _, high in known)


def _shown(outcomes: list[CheckOutcome]) -> str:
    hull = _hull(outcomes)
    return formatting.score(_mean(outcomes)) + (f" {formatting.interval(hull)}" if hull else "")
