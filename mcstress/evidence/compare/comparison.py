"""The comparison of two sets of runs, ``a`` (before) and ``b`` (after): effect first.

Quality is compared by query, speed by run: see ``paired`` and ``by_run``, and ``judge`` for what is
called a difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log
from statistics import fmean

import msgspec

from mcstress.errors import UsageError
from mcstress.evidence.compare.by_run import RunTest, run_test
from mcstress.evidence.compare.comparable import refuse_unlike, same_seed, unsent_steps, warnings
from mcstress.evidence.compare.figure import Better, Figure
from mcstress.evidence.compare.judge import judge, notes
from mcstress.evidence.compare.quality import Quality
from mcstress.evidence.store.history import RunFile
from mcstress.metrics.results import Percentiles

_PERCENTILES = ("p50_ms", "p95_ms")
_LEAST_MS = 0.001


class Comparison(msgspec.Struct, kw_only=True):
    """All figures of two sets of runs, named by their files; ``notes`` limit what they can say.

    ``gone`` names the figures that only ``a`` has, ``new`` those that only ``b`` has; ``damaged``
    are files that no longer hold what was written into them, ``unsent`` those of runs whose load
    generator could not send some steps: nothing is proven by them.
    """

    a: list[str]
    b: list[str]
    warnings: list[str]
    notes: list[str]
    figures: list[Figure]
    gone: list[str]
    new: list[str]
    damaged: list[str] = []
    unsent: list[str] = []

    @property
    def regressions(self) -> list[str]:
        """What is proven to be worse in ``b``, and what it cannot show any more."""
        return [one.name for one in self.figures if one.verdict == "worse"] + self.gone


def compare(a: Sequence[RunFile], b: Sequence[RunFile]) -> Comparison:
    """Compare runs ``b`` with runs ``a``.

    Raises UsageError where a side is empty, a file cannot be read, or the runs asked other things.
    """
    if not a or not b:
        raise UsageError("compare: expected at least one run on either side: A… -- B…")
    runs = [*a, *b]
    refuse_unlike(runs)
    quality = Quality(a, b)
    figures = [*quality.figures(paired=same_seed(runs)), *_speed(a, b)]
    judge(figures)
    return Comparison(
        a=[str(run.path) for run in a],
        b=[str(run.path) for run in b],
        warnings=warnings(runs),
        notes=[*quality.notes(), *notes(figures, (len(a), len(b)), paired=same_seed(runs))],
        figures=figures,
        gone=quality.only("a"),
        new=quality.only("b"),
        damaged=[str(run.path) for run in runs if run.faults()],
        unsent=[str(run.path) for run in runs if unsent_steps(run)],
    )


def _speed(a: Sequence[RunFile], b: Sequence[RunFile]) -> list[Figure]:
    sides = [[run.document.speed.steps for run in side] for side in (a, b)]
    steps = dict.fromkeys(step for side in sides for run in side for step in run)
    found = [
        _by_run(f"latency.{step}.{percentile}", "lower", *values, relative=True)
        for step in steps
        for percentile in _PERCENTILES
        if all(values := [_percentiles(side, step, percentile) for side in sides])
    ]
    paces = [[pace for run in side if (pace := _steps_per_s(run))] for side in (a, b)]
    if all(paces):
        found.append(_by_run("steps_per_s", "higher", *paces, relative=True))
    rates = [[rate for run in side if (rate := _error_rate(run)) is not None] for side in (a, b)]
    if all(rates):
        found.append(_by_run("errors.rate", "lower", *rates, relative=False))
    return found


def _percentiles(
    side: Sequence[Mapping[str, Percentiles]], step: str, percentile: str
) -> list[float]:
    found = [getattr(run.get(step, Percentiles()), percentile) for run in side]
    return [max(value, _LEAST_MS) for value in found if value is not None]


def _steps_per_s(run: RunFile) -> float | None:
    section = run.document.run
    if section.started is None or section.ended is None:
        return None
    seconds = (section.ended - section.started).total_seconds()
    steps = run.document.figure("errors.steps")
    return steps / seconds if steps and seconds > 0 else None


def _error_rate(run: RunFile) -> float | None:
    rate: float | None = run.document.figure("errors.rate")
    return rate


def _by_run(
    name: str, better: Better, before: list[float], after: list[float], *, relative: bool
) -> Figure:
    test = _ratio_test(before, after) if relative else run_test(before, after)
    return Figure(
        name=name,
        better=better,
        unit="runs",
        a=fmean(before),
        b=fmean(after),
        n_a=len(before),
        n_b=len(after),
        effect=test.effect,
        ci95=test.ci95,
        relative=relative,
        p=test.p,
        least_p=test.least_p,
    )


def _ratio_test(before: list[float], after: list[float]) -> RunTest:
    """The test of the logarithms, and its effect and interval as b / a - 1."""
    test = run_test([log(value) for value in before], [log(value) for value in after])
    ci95 = None if test.ci95 is None else (exp(test.ci95[0]) - 1, exp(test.ci95[1]) - 1)
    return RunTest(exp(test.effect) - 1, ci95, test.p, test.least_p)
