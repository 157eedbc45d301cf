"""Pairing: what an event is compared with, remembered until the other one comes.

A worker sees both events of a pair, since one user makes them. A seat's memory holds one round: it
is empty again when the next begins.
"""

from __future__ import annotations

import msgspec

from mcstress.metrics import jaccard
from mcstress.metrics.event import CellKey, Event, Inserts
from mcstress.metrics.identity import identity
from mcstress.metrics.rank_overlap import rank_biased_overlap

Ids = tuple[str, ...]

NANO = 1_000_000_000


class Pair:
    """Two lists of distinct hits, and all that can be said of them: a baseline and its reissue.

    ``changed``: the corpora are known to have had other sizes in between. ``adjusted``: what the
    run added in between was taken out.
    """

    __slots__ = (
        "adjusted",
        "baseline",
        "changed",
        "identical",
        "reissue",
        "shared",
        "top1",
        "union",
    )

    def __init__(self, baseline: Ids, reissue: Ids, changed: bool = False) -> None:
        self.baseline, self.reissue, self.changed = baseline, reissue, changed
        self.adjusted = False
        self.identical = baseline == reissue
        if self.identical:
            self.shared = self.union = len(baseline)
            self.top1 = True
            return
        self.shared, self.union = jaccard.overlap(frozenset(baseline), reissue)
        self.top1 = bool(baseline) and bool(reissue) and baseline[0] == reissue[0]

    @property
    def rbo_nano(self) -> int:
        """The rank-biased overlap in billionths."""
        if self.identical:
            return NANO
        return round(rank_biased_overlap(self.baseline, self.reissue) * NANO)

    @property
    def jaccard(self) -> float:
        """The Jaccard of the two lists."""
        return jaccard.jaccard(self.shared, self.union)


def _changed_beside(inserts: Inserts, before: dict[str, int], after: dict[str, int]) -> bool:
    """Whether sizes changed otherwise than by the growth of the corpus that the run adds to."""
    grew = after.get(inserts.corpus, 0) >= before.get(inserts.corpus, 0)
    return not grew or after != before | {inserts.corpus: after.get(inserts.corpus, 0)}


def _without(inserts: Inserts, baseline: Ids, reissue: Ids, changed: bool) -> Pair:
    """The pair as it was before what was added since; both are cut to the shorter length."""
    added = {identity(inserts.corpus, id_) for id_ in inserts.ids}
    if not added:
        return Pair(baseline, reissue, changed)
    left = tuple([who for who in reissue if who not in added])
    both = min(len(baseline), len(left))
    pair = Pair(baseline[:both], left[:both], changed)
    pair.adjusted = len(left) < len(reissue)
    return pair


class Remembered(msgspec.Struct, gc=False):
    """The part of an event that its counterpart needs: identities; ``place`` is for handovers.

    ``missed``: the event itself, of a handover whose answer was not at top-1.
    """

    phase: str
    cell: CellKey
    ids: Ids
    corpus_sizes: dict[str, int] | None
    place: int | None
    missed: Event | None = None

    def against(self, event: Event, ids: Ids) -> Pair:
        """The pair with the list of ``event``, its one counterpart."""
        before, after, inserts = self.corpus_sizes, event.corpus_sizes, event.inserts
        changed = before is not None and after is not None and before != after
        if inserts is None:
            return Pair(self.ids, ids, changed)
        changed = changed and _changed_beside(inserts, before or {}, after or {})
        return _without(inserts, self.ids, ids, changed)


class Pairing:
    """What each seat's user did this round and will be compared with, by the event's ``seq``."""

    def __init__(self) -> None:
        self._seats: dict[tuple[str, str], tuple[int, dict[int, Remembered]]] = {}

    def remember(
        self,
        event: Event,
        cell: CellKey,
        ids: Ids,
        place: int | None = None,
        missed: Event | None = None,
    ) -> None:
        """Keep an event of ``cell`` for its counterpart."""
        remembered = Remembered(event.phase, cell, ids, event.corpus_sizes, place, missed)
        self._of(event)[event.seq] = remembered

    def baseline_of(self, event: Event) -> Remembered | None:
        """The baseline that a reissue is paired with; each that comes before the next baseline.

        Events of older versions name none: it is the one of their cell.
        """
        seat = self._of(event)
        if event.paired_seq is not None:
            return seat.get(event.paired_seq)
        its = (one for one in seat.values() if one.cell == event.cell)
        return next((one for one in its if one.phase == "baseline"), None)

    def recall(self, event: Event, phase: str) -> Remembered | None:
        """The counterpart of ``event``, an event of ``phase``, once.

        It is the one that ``paired_seq`` names; where it names none, the first of its cell.
        """
        seat = self._of(event)
        if event.paired_seq is not None:
            return seat.pop(event.paired_seq, None)
        for seq, remembered in seat.items():
            if remembered.phase == phase and remembered.cell == event.cell:
                return seat.pop(seq)
        return None

    def _of(self, event: Event) -> dict[int, Remembered]:
        key = (event.worker, event.coordinator)
        held = self._seats.get(key)
        if held is None or held[0] != event.round:
            held = self._seats[key] = (event.round, {})
        return held[1]
