"""What the load curve says of offered rates, in sentences: the highest that held, what broke first.

A rate held where every check held in its band and no arrival was missed. Whether the service or the
pool of users ended it is told by Little's law (1961): so many users are busy at once as events are
offered in the mean time of one. Where that is nearly all users, while a search took no longer than
at the lowest rate, nothing is known of the service's capacity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

from mcstress.metrics.band import BandEntry
from mcstress.metrics.check import Check
from mcstress.metrics.number_format import a_second

USED_UP = 0.8
"""Of the users, those that must be busy on average: the arrivals of chance need the others."""
HELD_BY = 1.5
"""A search that takes so much longer than at the lowest rate is the service's doing."""
SPARE = 1.25

Holds = Callable[[BandEntry, Check], bool | None]
Leaves = Callable[[Check], str]


def rate_reading(
    curve: Sequence[BandEntry],
    checks: Sequence[Check],
    holds: Holds,
    leaves: Leaves,
    users: int | None,
    *,
    starved: str = "",
) -> str:
    """``curve``: the entries of offered rates, ascending; ``leaves``: a failure in words.

    ``starved``: why nothing that broke can be charged to the service, where that is so.
    """
    broken = [_broken(entry, checks, holds, leaves) for entry in curve]
    first = next((place for place, words in enumerate(broken) if words), None)
    tried = f"tried: {_span(curve[0]['offered_from'], curve[-1]['offered_to'])}"
    if first is None:
        highest = f"{a_second(curve[-1]['offered_to'])}/s"
        said = f"Every check held, and all that was offered was done, up to {highest}"
    elif starved:
        held = f"up to {a_second(curve[first - 1]['offered_to'])}/s every check held; "
        return f"What the service can do is not known: {held if first else ''}{starved} ({tried})."
    elif first == 0:
        said = f"At {_rate(curve[0])}, the lowest rate, {broken[0]}"
    else:
        held = f"{a_second(curve[first - 1]['offered_to'])}/s"
        said = (
            f"Every check held, and all that was offered was done, up to {held}; "
            f"at {_rate(curve[first])} {broken[first]}"
        )
    pool = pool_reading(curve, users)
    return f"{said} ({tried})." + (f" {pool}" if pool else "")


def pool_reading(curve: Sequence[BandEntry], users: int | None) -> str:
    """Whether all users were busy while the service was as fast as ever; empty where not."""
    for entry in curve:
        if needed := used_up(entry, curve[0], users or 0):
            return (
                f"The pool of {users:,} users was used up at "
                f"{a_second(entry['offered_per_s'])}/s; about {needed:,} are needed "
                "(rate times mean event time): what the service can do is not known beyond that."
            )
    return ""


def used_up(entry: BandEntry, lowest: BandEntry, users: int) -> int:
    """How many users a band needed, where all were busy and the service as fast as ever; else 0."""
    mean_ms, offered = entry["mean_event_ms"], entry["offered_per_s"]
    if not users or mean_ms is None or offered is None or not _waited(entry, mean_ms):
        return 0
    busy = float(offered * mean_ms) / 1000
    if busy < USED_UP * users or not _as_fast(entry, lowest):
        return 0
    return max(ceil(busy * SPARE), users + 1)


def _broken(entry: BandEntry, checks: Sequence[Check], holds: Holds, leaves: Leaves) -> str:
    """What did not hold in the band; empty where all did."""
    said = [leaves(check) for check in checks if holds(entry, check) is False]
    if entry["missed"]:
        said.append(f"{entry['missed']:,} arrivals were missed")
    return ", ".join(said)


def _waited(entry: BandEntry, mean_ms: float) -> bool:
    """Whether arrivals waited for a user, a twentieth of them for longer than an event takes."""
    queue = entry["latency"].get("lateness", {}).get("queue", {})
    return bool(entry["missed"]) or (queue.get("p95_ms") or 0) > mean_ms


def _as_fast(entry: BandEntry, lowest: BandEntry) -> bool:
    before, now = (one["latency"].get("matrix_search", {}).get("p50_ms") for one in (lowest, entry))
    return before is None or now is None or now <= HELD_BY * before


def _rate(entry: BandEntry) -> str:
    return _span(entry["offered_from"], entry["offered_to"])


def _span(low: float, high: float) -> str:
    first, last = a_second(low), a_second(high)
    return f"{last}/s" if first == last else f"{first} to {last}/s"
