"""The load curve: every metric by band of concurrent users, quality against load.

An event belongs to the band of the users there were when it ended, a pair to its later event's. A
band of under 10 s joins the one below.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from mcstress.metrics.band import EDGES, Band, Bands
from mcstress.metrics.users_timeline import UsersTimeline

SHORTEST_BAND_S = 10
SHORTEST_PACE_S = 1.0
"""A pace over less is none."""


def load_curve(
    bands: Bands, k: int, users: UsersTimeline, candidates: Mapping[str, int] | None
) -> list[dict[str, Any]]:
    """One entry per band with events, ascending; ``users_to`` belongs to the band.

    Each has ``seconds`` and ``requests_per_s`` (steps by seconds), None without a users timeline,
    the pace also over less than a second; then the sections of ``metrics``, and ``latency``.
    """
    seconds = users.by_band() if users else None
    return [
        {
            "users_from": members[0],
            "users_to": _highest(members[-1]),
            **_pace(bands_joined, _duration(seconds, members)),
            **bands_joined.result(k, {}, candidates),
            "latency": bands_joined.latency.result(),
        }
        for members in _groups(sorted(bands), seconds)
        for bands_joined in [_joined(bands, members)]
    ]


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
    if len(members) == 1:
        return bands[members[0]]
    joined = Band()
    for edge in members:
        joined.merge(bands[edge])
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
