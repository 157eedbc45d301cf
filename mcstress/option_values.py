"""The values of options, each read from text or refused by its option's name."""

from __future__ import annotations

import math
from typing import Any

from mcstress.errors import UsageError
from mcstress.services.http.base_url import parse_base_url


def seconds_from_to(option: str, text: str) -> tuple[float, float]:
    """``2`` or ``1-5``, in seconds."""
    parts = [part.strip() for part in str(text).split("-")]
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        numbers *= 2
    if len(numbers) != 2 or not 0 <= numbers[0] <= numbers[1] < math.inf:  # noqa: PLR2004  (from and to)
        raise UsageError(f"{option}: found {text!r}, expected seconds as 2 or as 1-5")
    return numbers[0], numbers[1]


def base_url(option: str, value: Any) -> str:
    """A base URL; nothing stands for the embedded stack."""
    return str(parse_base_url(value, option)) if value else ""


def whole(option: str, value: Any) -> int:
    """A whole number. The web form sends text, and checks nothing."""
    try:
        return int(value)
    except (TypeError, ValueError):
        raise UsageError(f"{option}: found {value!r}, expected a whole number") from None


def real(option: str, value: Any) -> float:
    """A finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"{option}: found {value!r}, expected a number")
    return number


def at_least(least: int, option: str, value: Any) -> int:
    """A whole number of ``least`` or more."""
    number = whole(option, value)
    if number < least:
        raise UsageError(f"{option}: found {number}, expected {least} or more")
    return number


def seconds(option: str, value: Any) -> float:
    """Seconds above 0."""
    number = real(option, value)
    if number <= 0:
        raise UsageError(f"{option}: found {value!r}, expected seconds above 0")
    return number


def from_zero(option: str, value: Any) -> float:
    """Seconds, 0 or more."""
    number = real(option, value)
    if number < 0:
        raise UsageError(f"{option}: found {value!r}, expected seconds, 0 or more")
    return number


def share(option: str, value: Any) -> float:
    """A number from 0 to 1."""
    number = real(option, value)
    if not 0 <= number <= 1:
        raise UsageError(f"{option}: found {value!r}, expected 0 to 1")
    return number


def text_of(option: str, value: Any) -> str:
    """A text that says something, without the blanks around it."""
    text = str(value or "").strip()
    if not text:
        raise UsageError(f"{option}: found nothing, expected a name")
    return text
