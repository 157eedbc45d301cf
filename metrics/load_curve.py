"""The load curve: every metric by band of load, quality against load.

An event belongs to the band of the users there were when it ended, or where a schedule asked for it
to that of the rate offered then; a pair to its later event's. A band of under 10 s joins the one
below. In a search for the capacity each trial is a band of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

from mcstress.metrics.arrivals import Offered, OfferedSecond, Trial, UnservedRow, total
from mcstress.metrics.band import EDGES, RATES, TRIALS, Band, Bands, rate_band
from mcstress.metrics.users_timeline import UsersTimeline

SHORTEST_BAND_S = 10
SHORTEST_PACE_S = 1.0
"""A pace over less is none."""
NOTHING_OFFERED = Offered()


def load_curve(
    bands: Bands,
    k: int,
    users: UsersTimeline,
    candidates: Mapping[str, int] | None,
    offered: Offered = NOTHING_OFFERED,
) -> list[dict[str, Any]]:
    """One entry per band with events, ascending, those of users before those of a rate.

    ``users_to`` belongs to the band. Each has ``seconds`` and ``requests_per_s`` (steps by
    seconds), None where they are not known, the pace also over less than a second; then the
    sections of ``metrics``, and ``latency``. A band of a rate has users of 0, and says what was
    offered (``offered_from``, ``offered_to``, ``offered_per_s``), done and missed.
    """
    by_users = users.before(offered.seconds[0].time) if offered.seconds else users
    seconds = by_users.by_band() if by_users else None
    curve = [
        {
            "users_from": members[0],
            "users_to": _highest(members[-1]),
            **_pace(joined, _duration(seconds, members)),
            **joined.result(k, {}, candidates),
            "latency": joined.latency_section(),
        }
        for members in _groups(sorted(band for band in bands if band < RATES), seconds)
        for joined in [_joined(bands, members)]
    ]
    if offered.trials:
        return curve + [trial_entry(bands, k, candidates, offered, one) for one in offered.trials]
    return curve + _of_rates(bands, k, candidates, offered)


def trial_entry(
    bands: Bands, k: int, candidates: Mapping[str, int] | None, offered: Offered, trial: Trial
) -> dict[str, Any]:
    """The entry of one trial; ``trial`` is its number, ``held`` what became of it."""
    span = range(trial.begins, trial.begins + trial.seconds)
    number = TRIALS + trial.number
    its = [second for second in offered.seconds if second.time in span]
    never = [row for row in offered.unserved if row[0] in span]
    told = {"trial": trial.number, "held": trial.held, "why": trial.why, "mix": trial.mix}
    band = bands[number] if number in bands else Band()
    offers = _Offers([trial.rate_per_s], its, never, float(trial.seconds))
    return told | _rate_entry(band, k, candidates, offers)


def _of_rates(
    bands: Bands, k: int, candidates: Mapping[str, int] | None, offered: Offered
) -> list[dict[str, Any]]:
    seconds: dict[int, list[OfferedSecond]] = {}
    for second in offered.seconds:
        seconds.setdefault(rate_band(second.rate_per_s), []).append(second)
    unserved: dict[int, list[UnservedRow]] = {}
    for row in offered.unserved:
        unserved.setdefault(rate_band(row[1] / 1000), []).append(row)
    lasted = {band: sum(second.lasted_s for second in its) for band, its in seconds.items()}
    there = sorted({*(band for band in bands if RATES <= band < TRIALS), *unserved})
    curve = []
    for members in _groups(there, lasted or None):
        joined = _joined(bands, members)
        its = [second for band in members for second in seconds.get(band, ())]
        never = [row for band in members for row in unserved.get(band, ())]
        duration_s = _duration(lasted, members) if its else None
        rates = [second.rate_per_s for second in its] or [(band - RATES) / 1000 for band in members]
        offers = _Offers(rates, its, never, duration_s)
        curve.append(_rate_entry(joined, k, candidates, offers))
    return curve


class _Offers(NamedTuple):
    """What was offered to a band: its rates and seconds, and what of it never began."""

    rates: list[float]
    seconds: list[OfferedSecond]
    never: list[UnservedRow]
    lasted_s: float | None


def _rate_entry(
    band: Band, k: int, candidates: Mapping[str, int] | None, offers: _Offers
) -> dict[str, Any]:
    rates, its, never, duration_s = offers
    return {
        "users_from": 0,
        "users_to": 0,
        "offered_from": min(rates),
        "offered_to": max(rates),
        "offered_per_s": pace(sum(second.arrivals for second in its), duration_s),
        "done_per_s": pace(band.responses.events, duration_s),
        "missed": total(never, "missed"),
        "mean_event_ms": band.latency.mean_event_ms(),
        **_pace(band, duration_s),
        **band.result(k, {}, candidates),
        "latency": band.latency_section(never),
    }


def _groups(edges: list[int], seconds: Mapping[int, float] | None) -> list[list[int]]:
    """The bands that stand as one; the lowest has none below and stands however short."""
    groups: list[list[int]] = []
    for edge in edges:
        if groups and seconds is not None and seconds.get(edge, 0) < SHORTEST_BAND_S:
            groups[-1].append(edge)
        else:
            groups.append([edge])
    return groups


def _joined(bands: Bands, members: list[int]) -> Band:
    there = [bands[edge] for edge in members if edge in bands]
    if len(there) == 1:
        return there[0]
    joined = Band()
    for band in there:
        joined.merge(band)
    return joined


def _duration(seconds: Mapping[int, float] | None, members: list[int]) -> float | None:
    return None if seconds is None else sum(seconds.get(edge, 0) for edge in members)


def _pace(band: Band, seconds: float | None) -> dict[str, float | None]:
    steps = sum(histogram.count for histogram in band.latency.steps.values())
    return {"seconds": seconds, "requests_per_s": pace(steps, seconds)}


def pace(count: int, seconds: float | None) -> float | None:
    """``count`` a second; None over less than a second, and where the time is not known."""
    return None if seconds is None or seconds < SHORTEST_PACE_S else count / seconds


def _highest(edge: int) -> int:
    """The highest number of users in the band that begins at ``edge``."""
    return EDGES[min(bisect_right(EDGES, edge), len(EDGES) - 1)] - 1
