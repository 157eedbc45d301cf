"""A row of a benchmark's table."""

from __future__ import annotations

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One figure. ``value`` has its unit; ``ratio`` is its time by that of ``against``, if any.

    Ratios are of one interleaved run: both sides took turns, so that neighbours slow both.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str | None = None
