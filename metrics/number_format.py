"""Numbers as they are shown, everywhere: never rounded across 0, 1 or a check's threshold.

0.00001311 is "< 0.001" and not "0.000", 0.9998 is "> 0.999" and not "1.000", and 0.94996 beside a
threshold of 0.95 has as many digits as tell the two apart. Counts are whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, inf

from mcstress.metrics.metric import COUNT

DIGITS = 3
MOST_DIGITS = 17
MINUS = "\u2212"
ENDS = (-1.0, 0.0, 1.0)
"""What no share or difference of shares is rounded to that is not there."""
ZERO = (0.0,)
"""The same of times and rates: 1 ms is a value as others are, and "> 1 ms" says it is not known."""
UNBOUNDED = frozenset({"s", "a second"})
"""Units in which 1 is a value as any other."""

MINUTES, HOURS = 60, 24
SLACK = 1e-6
"""Of a minute: a whole one is not taken for the one before."""

Claim = tuple[str, float, float]
"""A text, and the range of values that a reader takes it for: its ends are not in it."""


def shown(
    value: float,
    digits: int = DIGITS,
    *,
    limits: Sequence[float] = (),
    sign: bool = False,
    ends: Sequence[float] = ENDS,
) -> str:
    """``value`` with ``digits`` after the point, or more where a limit is near.

    ``ends``: what it is never rounded to; those of a share, if not told.
    """
    text = ""
    for more in range(digits, MOST_DIGITS + 1):
        text, low, high = _claim(value, more, ends, sign=sign)
        if not any(_crosses(value, low, high, limit) for limit in limits):
            break
    return text.replace("-", MINUS)


def figure(value: float, unit: str, *, limits: Sequence[float] = ()) -> str:
    """A value of a figure of ``unit``: counts whole, latencies by their size, else three digits."""
    if unit == COUNT:
        return f"{value:,.0f}"
    if unit == "ms":
        return milliseconds(value, limits=limits)
    return shown(value, limits=limits, ends=ZERO if unit in UNBOUNDED else ENDS)


def milliseconds(value: float, *, limits: Sequence[float] = ()) -> str:
    """A latency in ms, to three significant digits and never finer than a microsecond."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3  # noqa: PLR2004  (the digits' own steps)
    return shown(value, digits, limits=limits, ends=ZERO)


def beyond(at_least_ms: float) -> str:
    """``> 10 s``, ``> 340 ms``: what is known of a latency that was never seen to end."""
    if at_least_ms >= 1000:  # noqa: PLR2004  (a second)
        return f"> {at_least_ms / 1000:.3g} s"
    return f"> {milliseconds(at_least_ms)} ms"


def a_second(value: float) -> str:
    """A rate: ``0.5``, ``430``, ``3,000``."""
    return f"{value:.3g}" if value < 999.5 else f"{value:,.0f}"  # noqa: PLR2004  (four digits and more)


def shown_hour(hours: float) -> str:
    """An hour of the scenario's clock: ``day 2, 09:12`` is hour 33.2."""
    minutes = floor(hours * MINUTES + SLACK)
    day, minute = divmod(minutes, MINUTES * HOURS)
    return f"day {day + 1}, {minute // MINUTES:02}:{minute % MINUTES:02}"


def percent(value: float) -> str:
    """A share in hundredths."""
    # In hundredths 1 is not the whole: what must not be rounded to is 0 and 100.
    step = 0.01
    if 0 < value < step / 200:
        return f"< {step} %"
    if 1 - step / 200 < value < 1:
        return f"> {100 - step} %"
    return f"{value:.2%}".replace("%", " %")


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """``1 trio``, ``2 trios``."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def _claim(value: float, digits: int, ends: Sequence[float], *, sign: bool) -> Claim:
    """The rounded value; where that is an end which the value is not, which side it is on."""
    form = f"{'+' if sign else ''},.{digits}f"
    rounded, step = round(value, digits), 10.0**-digits
    if rounded == value or rounded not in ends:
        return f"{rounded + 0.0:{form}}", rounded, rounded
    if value > rounded:
        # Just above 0 is below a step; just above 1 (or -1) is above it.
        if rounded == 0:
            return f"< {step:{form}}", 0.0, step
        return f"> {rounded:{form}}", rounded, inf if rounded > 0 else rounded + step
    if rounded == 0:
        return f"> {-step:{form}}", -step, 0.0
    if rounded > 0:
        return f"> {rounded - step:{form}}", rounded - step, rounded
    return f"< {rounded:{form}}", -inf, rounded


def _crosses(value: float, low: float, high: float, limit: float) -> bool:
    """Whether a reader could take the claim for the other side of ``limit``."""
    if low == high:
        return _side(low, limit) != _side(value, limit)
    return low < limit < high


def _side(value: float, limit: float) -> int:
    return (value > limit) - (value < limit)
