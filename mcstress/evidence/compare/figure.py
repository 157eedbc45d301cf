"""One figure of a comparison."""

from __future__ import annotations

from typing import Literal

import msgspec

Better = Literal["higher", "lower"]
Verdict = Literal["better", "worse", "~"]


class Figure(msgspec.Struct, kw_only=True):
    """One figure on both sides.

    ``effect`` is b - a, or where ``relative``, b / a - 1; ``ci95`` belongs to it. ``n_a`` and
    ``n_b`` count what was compared: queries, the same on both sides, or runs. ``p`` is None where
    there is too little to test; ``least_p`` is the smallest that there could be. ``p_holm`` is
    corrected for all figures that could be proven, and None for the others.
    """

    name: str
    better: Better
    unit: Literal["queries", "runs"]
    a: float
    b: float
    n_a: int
    n_b: int
    effect: float
    ci95: tuple[float, float] | None
    relative: bool = False
    p: float | None = None
    least_p: float | None = None
    p_holm: float | None = None
    verdict: Verdict = "~"
