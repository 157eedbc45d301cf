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


class Figure(msgspec.Struct, kw_only=True):
    """One figure on both sides.

    ``a`` and ``b`` are the reports' own values; of several runs the mean, of ``relative`` ones the
    geometric mean. ``change`` is b - a, or where ``relative``, b / a - 1. ``ci95`` is Welch's, from
    two runs a side on; ``mannwhitney_p`` stands beside it and decides nothing. ``primary`` figures
    are judged, all together: ``p`` is corrected for that, and None where nothing could be proven.
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

    def is_worse(self, change: float) -> bool:
        """Whether ``change``, of this figure, is for the worse."""
        return (change > 0) == (self.better == "lower")
