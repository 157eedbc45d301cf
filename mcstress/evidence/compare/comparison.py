"""The comparison of two sets of runs, ``a`` (before) and ``b`` (after).

``sides`` has the figures, ``judge`` says what of them is proven, ``verdicts`` what the runs' own
checks said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from mcstress.errors import UsageError
from mcstress.evidence.compare.comparable import (
    is_incomplete,
    refuse_unlike,
    repeated,
    same_seed,
    unsent_steps,
    warnings,
)
from mcstress.evidence.compare.figure import Figure
from mcstress.evidence.compare.sides import Sides
from mcstress.evidence.compare.significance import judge, reach
from mcstress.evidence.compare.verdicts import LostCheck, SideVerdict, lost_checks, side_verdict
from mcstress.evidence.store.history import RunFile

ComparisonOutcome = Literal["regression", "unknown", "none"]


class Comparison(msgspec.Struct, kw_only=True):
    """All figures of two sets of runs, named by their files; ``notes`` limit what they can say.

    ``gone`` names the figures that only ``a`` has, ``new`` those that only ``b`` has.
    ``lost_checks`` are those that ``a`` passes and ``b`` does not. ``unproven`` says what this
    comparison could not judge, ``reaches`` from which ratio on a change of speed would have been
    found. ``damaged`` are files that no longer hold what was written into them, ``unsent`` those
    of runs whose load generator could not send some steps: nothing is proven by them.
    """

    a: list[str]
    b: list[str]
    a_verdict: SideVerdict
    b_verdict: SideVerdict
    warnings: list[str]
    notes: list[str]
    figures: list[Figure]
    gone: list[str]
    new: list[str]
    lost_checks: list[LostCheck] = []
    unproven: list[str] = []
    reaches: dict[str, float] = {}
    damaged: list[str] = []
    unsent: list[str] = []

    @property
    def regressions(self) -> list[str]:
        """What is worse in ``b``: proven figures, figures that it lacks, checks that it lost."""
        worse = [one.name for one in self.figures if one.verdict == "worse"]
        return [*worse, *self.gone, *(one.check for one in self.lost_checks if one.certain)]

    @property
    def outcome(self) -> ComparisonOutcome:
        """What ``--fail-on-regression`` goes by. No regression is said where all was judged."""
        if self.damaged or self.unsent:
            return "unknown"
        if self.regressions:
            return "regression"
        return "unknown" if self.unproven or self.lost_checks else "none"


def compare(a: Sequence[RunFile], b: Sequence[RunFile]) -> Comparison:
    """Compare runs ``b`` with runs ``a``.

    Raises UsageError where a side is empty, a file cannot be read, or the runs asked other things.
    """
    if not a or not b:
        raise UsageError("compare: expected at least one run on either side: A… -- B…")
    runs = [*a, *b]
    refuse_unlike(runs)
    sides, paired = Sides(a, b), same_seed(runs)
    figures = sides.figures(paired=paired)
    values = {
        figure.name: (sides.values("a", figure.name), sides.values("b", figure.name))
        for figure in figures
    }
    unproven = judge(figures, values, (len(a), len(b)))
    unproven += [f"{run.path} is incomplete" for run in runs if is_incomplete(run)]
    unproven += repeated(runs)
    if unknown := sides.unknown():
        unproven.append(f"of B only a sample of events is known, without {', '.join(unknown)}")
    by_run = [figure for figure in figures if figure.judged_by == "runs"]
    return Comparison(
        a=[str(run.path) for run in a],
        b=[str(run.path) for run in b],
        a_verdict=side_verdict(a),
        b_verdict=side_verdict(b),
        warnings=warnings(a, b),
        notes=[*_seed_notes(paired=paired), *sides.notes()],
        figures=figures,
        gone=sides.only("a"),
        new=sides.only("b"),
        lost_checks=lost_checks(a, b),
        unproven=unproven,
        reaches={
            figure.name: reach(figure, by_run, values) for figure in by_run if figure.relative
        },
        damaged=[str(run.path) for run in runs if run.faults()],
        unsent=[str(run.path) for run in runs if unsent_steps(run)],
    )


def _seed_notes(*, paired: bool) -> list[str]:
    told = "The seeds differ, so that questions are no pairs: figures are judged by run only."
    return [] if paired else [told]
