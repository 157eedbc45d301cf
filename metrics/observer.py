"""Observer: what each phase's events say, counted where it belongs."""

from __future__ import annotations

from collections.abc import Callable

from metrics.determinism import Pair
from metrics.event import Event
from metrics.faults import UNSENT_STEPS, Faults
from metrics.handover import KINDS
from metrics.jaccard import overlap
from metrics.moment import Moment
from metrics.pairing import Pairing, compact
from metrics.rates import ABSENT, TOP1, place
from metrics.rounds import Listed
from metrics.sums import Sums
from metrics.worst import time_us

Ids = list[str] | None
"""An event's ids without repeats; None where it has no list."""
Say = Callable[[Event, str, float | bool], None]
"""Hears what is found of one event, by name, as it is counted."""


class Observer:
    """Counts events by phase; remembers those that later ones are compared with."""

    def __init__(self, *, folds: bool, say: Say | None = None) -> None:
        self._folds = folds
        self._say = say
        self._pairing = Pairing()
        self._by_phase: dict[str, Callable[[Event, Ids, Moment, Sums], None]] = {
            "baseline": self._baseline,
            "reissue": self._reissue,
            "swap": self._swap,
            "inbox": self._inbox,
            "fresh_resume": self._fresh_resume,
            **dict.fromkeys(KINDS, self._handover),
        }

    def add(self, event: Event, sums: Sums) -> None:
        """Count an event."""
        moment = sums.moment_of(event)
        if unsent := moment.add(event):
            sums.faults[(UNSENT_STEPS,)] += unsent
        if event.outcome == "cut":
            return
        ids = _list_of(event, sums.faults)
        observe = self._by_phase.get(event.phase)
        if observe is not None:
            observe(event, ids, moment, sums)

    def _baseline(self, event: Event, ids: Ids, moment: Moment, sums: Sums) -> None:
        kept = None if ids is None else compact(ids)
        if kept is not None:
            self._pairing.remember(event, kept)
        sizes = event.corpus_sizes
        pool = sum(sizes.values()) if sizes else 0
        listed = Listed(time_us(event), moment.users_from, unit_of(event), pool, kept)
        key = (event.trio, event.round)
        if self._folds:
            sums.rounds.pair(key, event.cell, listed, sums.bands, sums.faults)
        else:
            sums.rounds.hold(key, event.cell, listed, sums.faults)

    def _reissue(self, event: Event, ids: Ids, moment: Moment, sums: Sums) -> None:
        determinism = moment.band.determinism
        determinism.attempted[()] += 1
        baseline = self._pairing.recall(event, "baseline")
        if baseline is None or ids is None:
            return
        pair = Pair(baseline.ids, ids)
        if changed(baseline.corpus_sizes, event.corpus_sizes):
            determinism.changed[pair.shared, pair.union] += 1
            sums.faults[("changed_corpora_pairs",)] += 1
            return
        determinism.add(unit_of(event), pair)
        if self._say is not None:
            self._say(event, "determinism", pair.jaccard)
        moment.determinism[pair.shared, pair.union] += 1
        if not pair.identical:
            lists = (baseline.ids, tuple(ids))
            sums.worst.add(event, (pair.shared, pair.union), pair.rbo_nano, lists)

    def _handover(self, event: Event, ids: Ids, moment: Moment, sums: Sums) -> None:
        handover, kind = moment.band.handover, KINDS[event.phase]
        for arm in (event.arm,) if event.arm else ("memory", "control"):
            handover.attempted[kind, arm] += 1
        if event.arm is None or ids is None:
            return
        if event.expected is None:
            sums.faults[("nothing_expected",)] += 1
            return
        at = place(ids, event.expected)
        handover.arms[kind, event.arm, at] += 1
        moment.handover[event.arm, int(at == TOP1)] += 1
        if event.arm == "memory":
            if self._say is not None:
                self._say(event, "handover_top1", at == TOP1)
                self._say(event, "handover_top_k", at != ABSENT)
            for word, results in (("boosted", event.boosted), ("injected", event.injected)):
                if results:
                    handover.reported[kind, word] += results
            self._pairing.remember(event, (), at)
        elif memory := self._pairing.recall(event, event.phase):
            handover.pairs[kind, unit_of(event), memory.place or 0, at] += 1

    def _fresh_resume(self, event: Event, ids: Ids, moment: Moment, sums: Sums) -> None:
        freshness = moment.band.freshness
        freshness.attempted[()] += 1
        if ids is None:
            return
        if event.expected is None:
            sums.faults[("nothing_expected",)] += 1
        else:
            freshness.places[(place(ids, event.expected),)] += 1

    def _swap(self, event: Event, ids: Ids, moment: Moment, _: Sums) -> None:
        swap = moment.band.swap
        rejected = event.exclude_ids
        is_first = rejected is None and event.outcome != "skipped"
        swap.attempted[("first" if is_first else "second",)] += 1
        if ids is None:
            return
        if rejected is None:
            self._pairing.remember(event, compact(ids))
            return
        swap.after[("swaps",)] += 1
        swap.after[("returned",)] += len(set(rejected).intersection(ids))
        if first := self._pairing.recall(event, "swap"):
            swap.pairs[overlap(frozenset(first.ids), ids)] += 1

    def _inbox(self, event: Event, ids: Ids, moment: Moment, _: Sums) -> None:
        moment.band.inbox.add(event)
        if self._say is not None and event.rating is not None and ids is not None:
            self._say(event, "judge_rating", float(event.rating))


def unit_of(event: Event) -> int:
    """The statistical unit of an event: trios of one variant ask the same and count as one."""
    return event.trio if event.variant is None else event.variant


def _list_of(event: Event, faults: Faults) -> list[str] | None:
    """The event's ids in rank order, an id twice once; None where it has no list.

    What fails after a search (a recording, a judge) does not take back the list that was found.
    """
    top_k = event.top_k
    if top_k is None:
        return None
    ids = [hit.id for hit in top_k]
    if not ids:
        faults[("nothing_found",)] += 1
        return ids
    if len(ids) < event.k:
        faults[("short_lists",)] += 1
    if len(set(ids)) != len(ids):
        faults[("repeated_ids",)] += 1
        return list(dict.fromkeys(ids))
    return ids


def changed(before: dict[str, int] | None, after: dict[str, int] | None) -> bool:
    """Whether the corpora of a pair's ends are known to differ in size."""
    return before is not None and after is not None and before != after
