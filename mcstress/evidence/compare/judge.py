"""What of a comparison is proven: all its figures are judged together.

A figure that could not reach 5 % whatever it shows is no chance of a false alarm, and is left out
(Tarone 1990); the p values of the others are corrected by Holm's method (1979). So where nothing
changed, at most 5 % of comparisons call anything a difference.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcstress.evidence.compare.by_run import FEWEST_RUNS, least_p
from mcstress.evidence.compare.figure import Figure
from mcstress.evidence.compare.paired import FEWEST

ALPHA = 0.05
_MOST_RUNS = 50


def judge(figures: Sequence[Figure]) -> None:
    """Set ``p_holm`` and ``verdict`` of each figure."""
    family = sorted(family_of(figures), key=lambda figure: figure.p or 0.0)
    highest = 0.0
    for rank, figure in enumerate(family):
        highest = max(highest, min(1.0, (len(family) - rank) * (figure.p or 0.0)))
        figure.p_holm = highest
        if highest <= ALPHA:
            rose = figure.effect > 0
            figure.verdict = "better" if rose == (figure.better == "higher") else "worse"


def family_of(figures: Sequence[Figure]) -> list[Figure]:
    """The figures that can be proven when they are corrected for one another's number."""
    for size in range(1, len(figures) + 1):
        family = [one for one in figures if one.least_p is not None and size * one.least_p <= ALPHA]
        if len(family) <= size:
            return family
    return []


def notes(figures: Sequence[Figure], runs: tuple[int, int], *, paired: bool) -> list[str]:
    """What the comparison cannot say, and what would mend that."""
    found = _speed_notes(figures, runs)
    if not paired:
        found.append("Quality: the seeds differ, so that queries are no pairs; nothing is tested.")
        return found
    few = [one.name for one in figures if one.unit == "queries" and one.p is None]
    if few:
        found.append(f"Fewer than {FEWEST} queries cannot be tested: {', '.join(few)}.")
    weak = [one.name for one in figures if one.unit == "queries" and one.p and one.p_holm is None]
    if weak:
        found.append(f"Too few queries to prove anything beside the rest: {', '.join(weak)}.")
    return found


def _speed_notes(figures: Sequence[Figure], runs: tuple[int, int]) -> list[str]:
    speed = [figure for figure in figures if figure.unit == "runs"]
    a, b = runs
    untested = [figure.name for figure in speed if figure.p_holm is None]
    if not untested:
        return []
    if len(untested) < len(speed):
        return [f"Speed: too few runs have these to test them: {', '.join(untested)}."]
    if min(runs) < FEWEST_RUNS:
        why = f"from {FEWEST_RUNS} a side on it is tested"
    else:
        enough = next(n for n in range(FEWEST_RUNS, _MOST_RUNS) if _suffice(n, len(figures)))
        why = f"for {len(figures)} figures at once it takes {enough} a side"
    return [
        f"Speed: with {a} against {b} runs nothing can be significant; {why}. Effects are shown."
    ]


def _suffice(runs: int, figures: int) -> bool:
    return least_p(runs, runs) * figures <= ALPHA
