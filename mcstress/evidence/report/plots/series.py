"""What a plot shows, apart from how: the report draws it once, the live page again and again."""

from __future__ import annotations

from typing import Any

import msgspec

RANGE, REVERSED, PLOT = " range", " reversed", " plot"
"""What a plot's models are named: the series' name (its ColumnDataSource), and these after it."""


class Series(msgspec.Struct, frozen=True):
    """Columns of one length; a gap is NaN.

    ``factors`` are the names along an axis, RANGE in their order and REVERSED against it. ``ends``
    are the upper ends of other ranges, by what their names have after the series'.
    ``height`` and ``min_width`` are the PLOT's, in pixels, where they depend on what is shown.
    """

    name: str
    data: dict[str, list[Any]]
    factors: list[Any] = []
    ends: dict[str, float] = {}
    height: int | None = None
    min_width: int | None = None
