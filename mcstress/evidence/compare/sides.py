"""Both sides of a comparison: each figure's values by run, and its paired change by question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean, geometric_mean
from typing import Literal

from mcstress.evidence.compare.figure import Better, Figure, Paired
from mcstress.evidence.compare.paired import paired_test
from mcstress.evidence.compare.run_figures import (
    CAPACITY,
    DONE_SHARE,
    SEARCH_P95,
    STEPS_PER_S,
    Means,
    RunFigures,
)
from mcstress.evidence.compare.speed import FEWEST_RUNS, speed_test, welch
from mcstress.evidence.store.history import RunFile
from mcstress.metrics.names import METRICS

ERROR_RATE = "errors.rate"
ALWAYS_PRIMARY: dict[str, Better] = {
    SEARCH_P95: "lower",
    STEPS_PER_S: "higher",
    ERROR_RATE: "lower",
    "availability.rate": "higher",
}
"""What every comparison judges beside the figures of the scenario's checks."""

_PERCENTILES = ("p50_ms", "p95_ms")
_LEAST_MS = 0.001
_LOWER_CHECKS = ("<", "<=", "==")


Side = Literal["a", "b"]


class Sides:
    """The figures of the runs ``a`` and ``b``."""

    def __init__(self, a: Sequence[RunFile], b: Sequence[RunFile]) -> None:
        self.a, self.b = ([RunFigures(run) for run in side] for side in (a, b))
        self._k = a[0].document.run.k
        self._checks = {
            check.metric: check.operator for run in (*a, *b) for check in run.document.thresholds
        }
        self.primary = list(dict.fromkeys([*ALWAYS_PRIMARY, *self._checks]))
        self.quality = [name for name, metric in METRICS.items() if metric.better]

    def figures(self, *, paired: bool) -> list[Figure]:
        """Those that both sides have: what is judged comes first. ``paired``: by question too."""
        steps = dict.fromkeys(step for run in (*self.a, *self.b) for step in run.steps())
        speed = [f"latency.{step}.{leaf}" for step in steps for leaf in _PERCENTILES]
        of_schedule = dict.fromkeys(
            path for run in (*self.a, *self.b) for path in run.of_schedule()
        )
        speed += [f"{path}.{leaf}" for path in of_schedule for leaf in _PERCENTILES]
        names = dict.fromkeys([*self.primary, *self.quality, *speed, *CAPACITY, DONE_SHARE])
        found = (self._figure(name, paired=paired) for name in names)
        return [figure for figure in found if figure is not None]

    def values(self, side: Side, name: str) -> list[float]:
        """The values of the runs that have the figure; above 0 where it is compared by ratio."""
        values = [value for run in self._runs(side) if (value := run.value(name)) is not None]
        return [max(value, _LEAST_MS) for value in values] if is_relative(name) else values

    def only(self, side: Side) -> list[str]:
        """What the other side lacks, by its exact figures; of what is judged, and of quality."""
        other: Side = "b" if side == "a" else "a"
        if not all(run.is_exact for run in self._runs(other)):
            return []
        names = dict.fromkeys([*self.primary, *self.quality])
        return [n for n in names if self.values(side, n) and not self.values(other, n)]

    def unknown(self) -> list[str]:
        """What A has and B cannot show, for it kept a sample of its events and made no report."""
        if all(run.is_exact for run in self.b):
            return []
        return [n for n in self.primary if self.values("a", n) and not self.values("b", n)]

    def notes(self) -> list[str]:
        """What is left out of the pairs."""
        found = []
        sides: tuple[Side, ...] = ("a", "b")
        for side in sides:
            left = [n for name in self.quality if (n := self._questions_only_of(side, name))]
            if left:
                number = f"{min(left)} to {max(left)}" if len({*left}) > 1 else f"{left[0]}"
                found.append(
                    f"Questions that only {side.upper()} has are not paired ({number} a figure)."
                )
        return found

    def _runs(self, side: Side) -> list[RunFigures]:
        return self.a if side == "a" else self.b

    def _figure(self, name: str, *, paired: bool) -> Figure | None:
        a, b = self.values("a", name), self.values("b", name)
        if not a or not b:
            return None
        relative = is_relative(name)
        figure = Figure(
            name=name,
            better=self._better(name),
            relative=relative,
            a=_mean(a, relative=relative),
            b=_mean(b, relative=relative),
            n_a=len(a),
            n_b=len(b),
            change=0.0,
            paired=self._paired(name, tested=paired),
            primary=name in self.primary,
        )
        figure.change = figure.b / figure.a - 1 if relative else figure.b - figure.a
        _test_by_run(figure, a, b)
        return figure

    def _better(self, name: str) -> Better:
        if name in METRICS and METRICS[name].better:
            return "higher" if METRICS[name].better == "higher" else "lower"
        if name in ALWAYS_PRIMARY:
            return ALWAYS_PRIMARY[name]
        if name in (*CAPACITY, DONE_SHARE):
            return "higher"
        return "lower" if self._checks.get(name, "<") in _LOWER_CHECKS else "higher"

    def _paired(self, name: str, *, tested: bool) -> Paired | None:
        before, after = _side_means(self.a, name), _side_means(self.b, name)
        shared = sorted(before.keys() & after.keys())
        if not shared:
            return None
        differences = [after[question] - before[question] for question in shared]
        test = paired_test(differences, METRICS[name].span or float(self._k))
        if not tested:
            return Paired(n=len(shared), effect=test.effect)
        return Paired(
            n=len(shared), effect=test.effect, ci95=test.ci95, p=test.p, least_p=test.least_p
        )

    def _questions_only_of(self, side: Side, name: str) -> int:
        own, other = self._runs(side), self._runs("b" if side == "a" else "a")
        return len(_side_means(own, name).keys() - _side_means(other, name).keys())


def is_relative(name: str) -> bool:
    """Whether a figure is compared by ratio: times and paces are, shares and counts are not."""
    return name in (STEPS_PER_S, *CAPACITY) or (
        name.startswith("latency.") and name.endswith("_ms")
    )


def _mean(values: Sequence[float], *, relative: bool) -> float:
    if len(values) == 1:
        return values[0]  # to the last digit, which logarithms would take
    return geometric_mean(values) if relative else fmean(values)


def _test_by_run(figure: Figure, a: Sequence[float], b: Sequence[float]) -> None:
    if min(len(a), len(b)) < FEWEST_RUNS:
        return
    if not figure.relative:
        if len({*a}) == len({*b}) == 1:
            return  # runs that all agree say nothing of how much they could differ
        half, _ = welch(a, b)
        figure.ci95 = figure.change - half, figure.change + half
    elif test := speed_test(a, b):
        figure.mannwhitney_p = test.mannwhitney_p
        figure.ci95 = test.ci95 and (test.ci95[0] - 1, test.ci95[1] - 1)


def _side_means(runs: Sequence[RunFigures], name: str) -> Means:
    """The mean over runs of each question's value."""
    values: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for question, value in run.means(name).items():
            values[question].append(value)
    return {question: fmean(its) for question, its in values.items()}
