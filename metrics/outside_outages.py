"""What a band of users was like outside of the times in which nothing succeeded.

The load curve blames users only for what is bad there too. Seconds do not stand in a band, so that
these figures are made from the timeline: errors, latency of steps, and determinism, by the mean
number of users of each slot. A slot that a silence touches, or that ends or begins within a second
of one, is left out: what hangs through an outage began before it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcstress.metrics import jaccard
from mcstress.metrics.availability import Silence
from mcstress.metrics.band import BandEntry, band_of
from mcstress.metrics.rates import rate
from mcstress.metrics.timeline import SlotCounts, TimelineCounts
from mcstress.metrics.users_timeline import UsersTimeline

MARGIN_S = 1.0
KNOWN = ("errors.rate", "errors.failed", "latency.", "determinism.mean_jaccard")
"""How the names of the figures begin that are known of such times."""
UNKNOWN = ("latency.queue", "latency.phases", "latency.response", "latency.lateness")
"""And of the figures that are not, all the same."""


def is_known(figure: str) -> bool:
    """Whether a band's calm times have this figure."""
    return figure.startswith(KNOWN) and not figure.startswith(UNKNOWN)


def calm_bands(
    curve: Sequence[BandEntry],
    timeline: TimelineCounts,
    users: UsersTimeline,
    silences: Sequence[Silence],
) -> dict[int, BandEntry]:
    """By the lowest users of each entry of ``curve``: its figures; empty without a silence."""
    if not silences:
        return {}
    curve = [entry for entry in curve if "offered_from" not in entry]
    width, slots = 1 << timeline.doublings, timeline.slots
    there = users.by_slot(timeline.doublings, sorted(slots))
    joined = {entry["users_from"]: SlotCounts() for entry in curve}
    for number in sorted(slots):
        entry = _entry_of(curve, there.get(number, {}).get("users"))
        if entry is not None and not _touched(number * width, width, silences):
            joined[entry["users_from"]].merge(slots[number])
    return {users_from: _figures(slot) for users_from, slot in joined.items()}


def _touched(begin: float, width: float, silences: Sequence[Silence]) -> bool:
    return any(
        begin < silence.end + MARGIN_S and begin + width > silence.begin - MARGIN_S
        for silence in silences
    )


def _entry_of(curve: Sequence[BandEntry], users: float | None) -> BandEntry | None:
    """The entry whose band ``users`` are of."""
    if not users:
        return None
    band = band_of(round(users))
    return next((one for one in curve if one["users_from"] <= band <= one["users_to"]), None)


def _figures(slot: SlotCounts) -> BandEntry:
    steps, failed = slot.asked(), slot.failed[()]
    return {
        "errors": {"steps": steps, "failed": failed, "rate": rate(failed, steps)},
        "latency": slot.steps.summaries(),
        "determinism": {
            "pairs": slot.determinism.total(),
            "mean_jaccard": jaccard.mean(slot.determinism),
        },
    }
