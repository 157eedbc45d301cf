"""What of a comparison is proven: its primary figures are judged together, as one family.

Where nothing changed, at most 5 % of comparisons call anything a difference. Two kinds of test
share these five per cent. By question, at 2 %: figures that enough questions were asked for on
both sides (paired.py), corrected by Holm's method (1979). By run, at 3 %: all others, together
(multiple_testing.py). 3 and 2, because 4 against 4 runs can reach 2.9 %. A kind that has no
figure, or has too few runs, leaves its share to the other. A figure whose questions are too few to
reach 2 % beside the others of its kind (Tarone 1990) is judged by run.

The interval that is shown is of the test that judged: over questions the sign-flip test's
(paired.py), over runs that of the permuted runs.

``judge`` says what could not be judged: a figure that nothing could be proven of, and speed where
runs differ so much that a doubling would be found in less than 80 % of comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import expm1, log

import msgspec

from mcstress.evidence.compare import multiple_testing, speed
from mcstress.evidence.compare.figure import Figure, Paired
from mcstress.evidence.compare.multiple_testing import RunFigure, family_p
from mcstress.evidence.report import formatting
from mcstress.metrics.intervals import ALPHA
from mcstress.metrics.metric import COUNT, JACCARD, RATE
from mcstress.metrics.names import METRICS

RUNS_SHARE, QUESTIONS_SHARE = 0.03, 0.02
DOUBLED = 2.0
"""The change of speed that a comparison must be able to find."""

COUNT_FLOOR = 0.5
OTHER_FLOOR = 0.05
"""Of ratings and seconds."""

SideValues = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""Each figure's values by run, of either side; of those that are compared by ratio, above 0."""


class Levels(msgspec.Struct, frozen=True):
    """What of the five per cent figures by run have, and figures by question; 0: none is judged."""

    runs: float
    questions: float


def judge(figures: Sequence[Figure], values: SideValues, runs: tuple[int, int]) -> list[str]:
    """Set how each primary figure is judged, its ``p`` and ``verdict``; say what is unproven."""
    primary = [figure for figure in figures if figure.primary]
    levels = _levels(primary, runs)
    by_question = _by_question(primary, levels.questions)
    by_run = [
        figure
        for figure in primary
        if levels.runs and figure not in by_question and (figure.n_a, figure.n_b) == runs
    ]
    for figure in primary:
        figure.verdict = "~"
    _judge_by_question(by_question, levels.questions)
    _judge_by_run(by_run, values, levels.runs)
    rest = [figure for figure in primary if not figure.judged_by]
    return [*_too_few(rest, by_run, values, runs), *_too_weak(by_run, values, runs)]


def reach(figure: Figure, by_run: Sequence[Figure], values: SideValues) -> float:
    """The ratio that is found in 80 % of comparisons, of a figure that is compared by ratio."""
    before, after = values[figure.name]
    spread = _spread(before, after)
    assert spread is not None  # it is judged by run, of two runs a side at least
    return speed.least_ratio((len(before), len(after)), spread, _rivals(by_run))


def _levels(primary: Sequence[Figure], runs: tuple[int, int]) -> Levels:
    least = multiple_testing.least_p(*runs) if min(runs) >= multiple_testing.FEWEST_RUNS else 1.0
    asked = any(figure.paired and figure.paired.p is not None for figure in primary)
    if least > ALPHA:
        return Levels(0.0, ALPHA)
    if not asked or least > RUNS_SHARE:
        return Levels(ALPHA, 0.0)
    return Levels(RUNS_SHARE, QUESTIONS_SHARE)


def _by_question(primary: Sequence[Figure], level: float) -> list[Figure]:
    """Those that as many questions as they have could prove, beside one another."""
    for size in range(1, len(primary) + 1):
        found = [
            figure
            for figure in primary
            if (pairs := figure.paired) and pairs.least_p and size * pairs.least_p <= level
        ]
        if len(found) <= size:
            return found
    return []


def _judge_by_question(figures: Sequence[Figure], level: float) -> None:
    pairs = [_pairs_of(figure) for figure in figures]
    corrected = speed.holm([pair.p or 0.0 for pair in pairs])
    for figure, pair, p in zip(figures, pairs, corrected, strict=True):
        figure.judged_by = "questions"
        _decide(figure, p, level, pair.effect)


def _pairs_of(figure: Figure) -> Paired:
    assert figure.paired is not None  # what is judged by question has questions
    return figure.paired


def _judge_by_run(figures: Sequence[Figure], values: SideValues, level: float) -> None:
    tested = [_run_figure(figure, *values[figure.name]) for figure in figures]
    for figure, one, p in zip(figures, tested, family_p(tested), strict=True):
        figure.judged_by = "runs"
        figure.ci95 = ci95 = multiple_testing.interval(one)
        if ci95 and figure.relative:
            figure.ci95 = expm1(ci95[0]), expm1(ci95[1])
        _decide(figure, p, level, figure.change)


def _decide(figure: Figure, p: float, level: float, change: float) -> None:
    """``p`` is given as if the figure had all five per cent for itself."""
    figure.p = min(1.0, p * ALPHA / level)
    if p <= level:
        figure.verdict = "worse" if figure.is_worse(change) else "better"


def _run_figure(figure: Figure, a: Sequence[float], b: Sequence[float]) -> RunFigure:
    if figure.relative:
        return RunFigure([log(value) for value in a], [log(value) for value in b])
    unit = METRICS[figure.name].unit if figure.name in METRICS else RATE
    floor = COUNT_FLOOR if unit == COUNT else OTHER_FLOOR
    return RunFigure(a, b, multiple_testing.SHARE_FLOOR if unit in (RATE, JACCARD) else floor)


def _too_few(
    rest: Sequence[Figure], by_run: Sequence[Figure], values: SideValues, runs: tuple[int, int]
) -> list[str]:
    """What nothing could be proven of."""
    holey = [figure for figure in rest if (figure.n_a, figure.n_b) != runs]
    found = [
        f"only {figure.n_a} of {runs[0]} runs of A and {figure.n_b} of {runs[1]} of B have "
        f"{figure.name}: no change of it can be proven"
        for figure in holey
    ]
    few = [figure for figure in rest if figure not in holey]
    if few:
        needed = _needed([one for one in few if one.relative], by_run or few, values)
        names = formatting.sentence_list([figure.name for figure in few])
        found.append(f"{_against(runs)} cannot prove any change of {names}; {needed} would")
    return found


def _too_weak(by_run: Sequence[Figure], values: SideValues, runs: tuple[int, int]) -> list[str]:
    """Of which speed not even a doubling would be found."""
    found = []
    for figure in by_run:
        spread = _spread(*values[figure.name]) if figure.relative else None
        if figure.verdict != "~" or spread is None:
            continue
        if speed.power(DOUBLED, runs, spread, _rivals(by_run)) < speed.POWER:
            needed = _needed([figure], by_run, values)
            found.append(
                f"{_against(runs)} cannot prove that {figure.name} changed by a factor of 2, since "
                f"runs of one side differ by {100 * spread:.0f} %; {needed} would"
            )
    return found


def _needed(speeds: Sequence[Figure], family_: Sequence[Figure], values: SideValues) -> str:
    """How many runs a side would prove something, and a doubling of ``speeds``."""
    fewest = next(n for n in range(2, 10) if multiple_testing.least_p(n, n) <= RUNS_SHARE)
    spreads = [spread for one in speeds if (spread := _spread(*values[one.name])) is not None]
    numbers = [speed.runs_needed(DOUBLED, spread, _rivals(family_)) for spread in spreads]
    if None in numbers:
        return f"not even {speed.MOST_RUNS} against {speed.MOST_RUNS}"
    most = max([fewest, *(number for number in numbers if number)])
    return f"{most} against {most}"


def _spread(a: Sequence[float], b: Sequence[float]) -> float | None:
    """By how much the logarithms of one side's runs differ."""
    test = speed.speed_test(a, b)
    return test.spread if test else None


def _rivals(by_run: Sequence[Figure]) -> int:
    """Of how many Welch tests with Holm's correction a family permuted by run has the power.

    Only figures that vary by much compete: found by simulation (test_compare_outcomes.py).
    """
    return 2 + sum(figure.relative for figure in by_run)


def _against(runs: tuple[int, int]) -> str:
    return f"{runs[0]} against {formatting.plural(runs[1], 'run')}"
