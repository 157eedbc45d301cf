"""Sizes as a user writes and reads them: 8MB is 8,000,000 bytes."""

from __future__ import annotations

import re

from mcstress.errors import UsageError

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
SHOWN_UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
SIZE = re.compile(r"\s*([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*([a-z]*)\s*", re.ASCII | re.IGNORECASE)


def parse_size(value: object, place: str, least: int, most: int) -> int:
    """The bytes that ``value`` means, as ``500kB``, ``8 MB``, ``1.5GB`` or ``8000000``.

    Units are powers of 1,000, in upper or lower case, with or without the B. UsageError, which
    begins with ``place``, where it is no size, or none from ``least`` to ``most``.
    """
    found = SIZE.fullmatch(str(value))
    unit = UNITS.get(found[2].lower().removesuffix("b")) if found else None
    if found is None or unit is None:
        raise UsageError(f"{place}: found {value!r}, expected a size such as 500kB, 8MB or 1GB")
    size = round(float(found[1]) * unit)
    if not least <= size <= most:
        expected = f"{size_text(least)} to {size_text(most)}"
        raise UsageError(f"{place}: found {value!r}, expected {expected}")
    return size


def size_text(size: int) -> str:
    """``size`` in the largest unit that leaves no fraction of it out."""
    for name, unit in SHOWN_UNITS:
        if size >= unit and size * 10 % unit == 0:
            return f"{size / unit:g} {name}"
    return f"{size} bytes"
