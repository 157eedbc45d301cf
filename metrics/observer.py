"""Observer: brings each event, and what it is compared with, to the metrics that hear its phase."""

from __future__ import annotations

from collections.abc import Callable

from mcstress.metrics.event import Event, Hit
from mcstress.metrics.faults import UNSENT_STEPS, Faults
from mcstress.metrics.handover import KINDS
from mcstress.metrics.identity import identities
from mcstress.metrics.metric import Hits
from mcstress.metrics.moment import SecondBucket
from mcstress.metrics.pairing import Pairing, Remembered, compact
from mcstress.metrics.rates import place
from mcstress.metrics.rounds import Listed
from mcstress.metrics.sums import Accumulators
from mcstress.metrics.worst import time_us

Counterpart = Callable[[Event, Hits, SecondBucket, Accumulators], Remembered | None]


class Observer:
    """Remembers the events that later ones are compared with; the metrics count."""

    def __init__(self, *, folds: bool) -> None:
        self._folds = folds
        self._pairing = Pairing()
        self._counterparts: dict[str, Counterpart] = {
            "baseline": self._baseline,
            "reissue": self._reissue,
            "swap": self._swap,
            **dict.fromkeys(KINDS, self._handover),
        }

    def add(self, event: Event, sums: Accumulators) -> None:
        """Count an event.

        What fails after a search (a recording, a judge) does not take back the list that was found.
        """
        moment = sums.moment_of(event)
        if unsent := moment.add(event):
            sums.faults[(UNSENT_STEPS,)] += unsent
        if event.outcome == "cut":
            return
        hits = event.top_k
        if hits is not None and not (len(hits) == event.k == len({hit.id for hit in hits})):
            hits = _distinct(event, hits, sums.faults)
        phase = event.phase
        find = self._counterparts.get(phase)
        before = None if find is None else find(event, hits, moment, sums)
        for add in moment.band.listeners.get(phase, ()):
            add(event, hits, before, moment)

    def _baseline(
        self, event: Event, hits: Hits, moment: SecondBucket, sums: Accumulators
    ) -> Remembered | None:
        kept = None if hits is None else compact(hits)
        if kept is not None:
            self._pairing.remember(event, kept)
        sizes = event.corpus_sizes
        pool = sum(sizes.values()) if sizes else 0
        listed = Listed(time_us(event), moment.users_from, sums.unit_of(event), pool, kept)
        key = (event.trio, event.round)
        if self._folds:
            sums.rounds.pair(key, event.cell, listed, sums.bands, sums.faults)
        else:
            sums.rounds.hold(key, event.cell, listed, sums.faults)
        return None

    def _reissue(
        self, event: Event, hits: Hits, moment: SecondBucket, sums: Accumulators
    ) -> Remembered | None:
        del hits, moment, sums
        return self._pairing.recall(event, "baseline")

    def _handover(
        self, event: Event, hits: Hits, moment: SecondBucket, sums: Accumulators
    ) -> Remembered | None:
        del moment, sums
        if event.arm is None or hits is None or event.expected is None:
            return None
        if event.arm == "control":
            return self._pairing.recall(event, event.phase)
        self._pairing.remember(event, (), place(hits, event.expected, event.expected_corpus))
        return None

    def _swap(
        self, event: Event, hits: Hits, moment: SecondBucket, sums: Accumulators
    ) -> Remembered | None:
        del moment, sums
        if hits is None:
            return None
        if event.exclude_ids is not None:
            return self._pairing.recall(event, "swap")
        self._pairing.remember(event, compact(hits))
        return None


def _distinct(event: Event, hits: list[Hit], faults: Faults) -> list[Hit]:
    """A list that is not ``k`` different ids: one hit that stands twice once, in rank order."""
    if not hits:
        faults[("nothing_found",)] += 1
    elif len(hits) < event.k:
        faults[("short_lists",)] += 1
    seen: dict[str, Hit] = {}
    for hit, who in zip(hits, identities(hits), strict=True):
        seen.setdefault(who, hit)
    if len(seen) < len(hits):
        faults[("repeated_ids",)] += 1
    return list(seen.values())
