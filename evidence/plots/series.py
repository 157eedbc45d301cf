"""What a plot shows, apart from how: the report draws it once, the live page again and again."""

from __future__ import annotations

from typing import Any

import msgspec

REVERSED = " reversed"


class Series(msgspec.Struct, frozen=True):
    """Columns of one length; a gap is NaN.

    ``name`` is that of the plot's ColumnDataSource and of its FactorRange, which holds
    ``factors``; a range with the factors in reverse adds REVERSED. ``height`` and ``min_width``
    are the plot's, in pixels, where they depend on what is shown; such a plot has the name too.
    """

    name: str
    data: dict[str, list[Any]]
    factors: list[Any] = []
    height: int | None = None
    min_width: int | None = None
