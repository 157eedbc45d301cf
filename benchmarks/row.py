"""A row of a benchmark's table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import process_time

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


def print_rows(rows: Iterable[Row]) -> None:
    """One line a row, for whoever runs one benchmark alone."""
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:8.4f} x {row.against}"
        print(f"{row.name:66} {row.value:10.4g} {row.unit:20} {ratio}")


def cpu_seconds(work: Callable[[], object]) -> float:
    """What this process spends on ``work``."""
    start = process_time()
    work()
    return process_time() - start
