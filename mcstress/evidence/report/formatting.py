"""Numbers as the reports write them, the same in all of them (metrics/number_format.py)."""

from __future__ import annotations

from collections.abc import Sequence

from mcstress.metrics import number_format as numbers
from mcstress.metrics.number_format import ZERO, shown
from mcstress.metrics.results import Percentiles

plural = numbers.plural
NONE = "–"  # noqa: RUF001  (what a table shows for nothing)
"""Stands where there is no figure."""


def score(value: float | None) -> str:
    """A Jaccard or another value in [0, 1]."""
    return NONE if value is None else shown(value)


def chance(value: float | None) -> str:
    """A Jaccard so small that its two leading digits are what matters."""
    return NONE if value is None else f"{value:.2g}"


def p_value(value: float | None) -> str:
    """A probability under "no difference"."""
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else shown(value)  # noqa: PLR2004  (the last that shows)


def signed(value: float | None) -> str:
    """A difference of two rates."""
    return NONE if value is None else shown(value, sign=True)


def interval(
    ci95: Sequence[float] | None, *, signs: bool = False, limits: Sequence[float] = ()
) -> str:
    """A 95 % interval; no end is rounded across one of ``limits``."""
    if ci95 is None:
        return NONE
    low, high = (shown(end, limits=limits, sign=signs) for end in ci95)
    return f"[{low}, {high}]"


def milliseconds(value: float | None) -> str:
    """A latency in ms, to three significant digits and never finer than a microsecond."""
    return NONE if value is None else numbers.milliseconds(value)


def percentile(summary: Percentiles, key: str) -> str:
    """A percentile by its key (``p95_ms``) in ms; "> 10 s" where it is only known to be more."""
    least_ms = summary.at_least_ms.get(key)
    return milliseconds(getattr(summary, key)) if least_ms is None else numbers.beyond(least_ms)


def count(value: float | None) -> str:
    """A whole number."""
    return NONE if value is None else f"{value:,.0f}"


def per_second(value: float | None) -> str:
    """A pace."""
    return NONE if value is None else shown(value, 1 if value < 100 else 0, ends=ZERO)  # noqa: PLR2004  (three digits)


def percent(value: float | None) -> str:
    """A share."""
    return NONE if value is None else numbers.percent(value)


def of(part: int | None, whole: int | None) -> str:
    """``3 of 4``."""
    return NONE if part is None or not whole else f"{part:,} of {whole:,}"


def duration(seconds: float) -> str:
    """``0.7 s``, ``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 10:  # noqa: PLR2004  (where a tenth still tells something)
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{whole} s"


def sentence_list(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = items or [""]
    return f"{', '.join(first)} and {last}" if first else last


def spaced(name: str) -> str:
    """A key as a person reads it: ``handover_paraphrase`` is "handover paraphrase"."""
    return name.replace("_", " ")


def visible(read_back: int, delivered: int, within_s: float | None) -> str:
    """How many of the delivered observations a server showed, ``within_s`` seconds after that."""
    if read_back >= delivered:
        return f"{read_back:,} read back"
    waited = "" if within_s is None else f" after {within_s:g} s"
    return f"{read_back:,} visible so far{waited}: the server ingests late"
