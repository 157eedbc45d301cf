"""One figure of a comparison: both sides' own values, and beside them what was paired."""

from __future__ import annotations

from typing import Literal

import msgspec

Better = Literal["higher", "lower"]
FigureVerdict = Literal["better", "worse", "~", "descriptive"]
JudgedBy = Literal["runs", "questions", ""]


class Paired(msgspec.Struct, kw_only=True, frozen=True):
    """The mean change over ``n`` questions that both sides were asked, b - a.

    ``p`` and ``ci95`` are None where there are too few, ``least_p`` is the smallest p that as many
    questions can reach.
    """

    n: int
    effect: float
    ci95: tuple[float, float] | None = None
    p: float | None = None
    least_p: float | None = None


class Shown(msgspec.Struct, frozen=True):
    """A change, its interval, and what both are over; ``relative``: as b / a - 1."""

    change: float
    ci95: tuple[float, float] | None
    over: Literal["runs", "questions"]
    relative: bool = False


class Figure(msgspec.Struct, kw_only=True):
    """One figure on both sides.

    ``a`` and ``b`` are the reports' own values; of several runs the mean, of ``relative`` ones the
    geometric mean. ``change`` is b - a, or where ``relative``, b / a - 1; ``ci95`` is its interval
    over runs: of the test where it was ``judged_by`` runs, else Welch's, from two runs a side on.
    ``mannwhitney_p`` decides nothing. ``primary`` figures are judged, all together: ``p`` is
    corrected for that, and None where nothing could be proven. ``shown`` has what is of one test.
    """

    name: str
    better: Better
    relative: bool
    a: float
    b: float
    n_a: int
    n_b: int
    change: float
    ci95: tuple[float, float] | None = None
    mannwhitney_p: float | None = None
    paired: Paired | None = None
    primary: bool = False
    judged_by: JudgedBy = ""
    p: float | None = None
    verdict: FigureVerdict = "descriptive"

    @property
    def shown(self) -> Shown:
        """The change that was judged, and its interval by the same test.

        What was not judged is shown over questions where those have an interval, else over runs.
        """
        pairs = self.paired
        by_question = self.judged_by == "questions" or not self.judged_by
        if pairs is not None and pairs.ci95 is not None and by_question:
            return Shown(pairs.effect, pairs.ci95, "questions")
        return Shown(self.change, self.ci95, "runs", relative=self.relative)

    def is_worse(self, change: float) -> bool:
        """Whether ``change``, of this figure, is for the worse."""
        return (change > 0) == (self.better == "lower")
