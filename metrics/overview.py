"""What a line of progress shows of a run: a few figures, worked out once a second.

All figures of all bands take ten times as long, while users wait for their answers.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mcstress.metrics.band import Band
from mcstress.metrics.by_question import ByQuestion
from mcstress.metrics.determinism import JACCARDS, PARTS
from mcstress.metrics.handover import AT_TOP1
from mcstress.metrics.histogram import Histogram
from mcstress.metrics.worst_events import SEARCH

P95 = 950


class Overview(msgspec.Struct, frozen=True):
    """Counts of events and steps, and three figures; those are None where nothing was measured.

    ``search_p95_ms`` is of searches; ``determinism`` the mean Jaccard, ``handover`` the top-1 rate
    in the same words, both over questions.
    """

    events: int
    by_phase: dict[str, int]
    steps: int
    failed: int
    search_p95_ms: float | None
    determinism: float | None
    handover: float | None


def overview_of(bands: Iterable[Band]) -> Overview:
    """The overview of all bands together: each figure is that of the results."""
    bands = list(bands)
    by_phase: dict[str, int] = {}
    for band in bands:
        for (phase, _), count in band.events.items():
            by_phase[phase] = by_phase.get(phase, 0) + count
    searches = Histogram()
    for band in bands:
        if SEARCH in band.latency.steps:
            searches.merge(band.latency.steps[SEARCH])
    reissues = _joined([band.determinism.asked for band in bands], figures=5)
    handovers = _joined([band.handover.verbatim.memory for band in bands], figures=2)
    return Overview(
        events=sum(by_phase.values()),
        by_phase=by_phase,
        steps=sum(steps.count for band in bands for steps in band.latency.steps.values()),
        failed=sum(band.errors.failed.total() for band in bands),
        search_p95_ms=searches.percentile(P95),
        determinism=reissues.mean(JACCARDS, PARTS),
        handover=handovers.mean(AT_TOP1),
    )


def _joined(parts: list[ByQuestion], figures: int) -> ByQuestion:
    """The questions of all parts; those of one alone are not copied."""
    if len(parts) == 1:
        return parts[0]
    joined = ByQuestion(figures)
    for part in parts:
        joined.merge(part)
    return joined
