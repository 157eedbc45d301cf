"""Observer: what each phase's events say, counted where it belongs."""

from __future__ import annotations

from collections.abc import Callable

from mcstress.metrics.determinism import Pair
from mcstress.metrics.event import Event, Hit
from mcstress.metrics.faults import UNSENT_STEPS, Faults
from mcstress.metrics.handover import KINDS
from mcstress.metrics.identity import identities
from mcstress.metrics.jaccard import overlap
from mcstress.metrics.moment import SecondBucket
from mcstress.metrics.pairing import Pairing, compact
from mcstress.metrics.rates import ABSENT, TOP1, place
from mcstress.metrics.rounds import Listed
from mcstress.metrics.sums import Accumulators
from mcstress.metrics.swap import returned
from mcstress.metrics.worst import time_us

Hits = list[Hit] | None
"""An event's hits without repeats; None where it has no list."""
Say = Callable[[Event, str, float | bool], None]
"""Hears what is found of one event, by name, as it is counted."""


class Observer:
    """Counts events by phase; remembers those that later ones are compared with."""

    def __init__(self, *, folds: bool, say: Say | None = None) -> None:
        self._folds = folds
        self._say = say
        self._pairing = Pairing()
        self._by_phase: dict[str, Callable[[Event, Hits, SecondBucket, Accumulators], None]] = {
            "baseline": self._baseline,
            "reissue": self._reissue,
            "swap": self._swap,
            "inbox": self._inbox,
            "fresh_resume": self._fresh_resume,
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
        hits = event.listed
        if hits is not None and not (len(hits) == event.k == len({hit.id for hit in hits})):
            hits = _distinct(event, hits, sums.faults)
        observe = self._by_phase.get(event.phase)
        if observe is not None:
            observe(event, hits, moment, sums)

    def _baseline(self, event: Event, hits: Hits, moment: SecondBucket, sums: Accumulators) -> None:
        kept = None if hits is None else compact(hits)
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

    def _reissue(self, event: Event, hits: Hits, moment: SecondBucket, sums: Accumulators) -> None:
        determinism = moment.band.determinism
        determinism.attempted[()] += 1
        baseline = self._pairing.recall(event, "baseline")
        if baseline is None or hits is None:
            return
        ids = identities(hits)
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

    def _handover(self, event: Event, hits: Hits, moment: SecondBucket, sums: Accumulators) -> None:
        handover, kind = moment.band.handover, KINDS[event.phase]
        for arm in (event.arm,) if event.arm else ("memory", "control"):
            handover.attempted[kind, arm] += 1
        if event.arm is None or hits is None:
            return
        if event.expected is None:
            sums.faults[("nothing_expected",)] += 1
            return
        at = place(hits, event.expected, event.expected_corpus)
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

    def _fresh_resume(
        self, event: Event, hits: Hits, moment: SecondBucket, sums: Accumulators
    ) -> None:
        freshness = moment.band.freshness
        freshness.attempted[()] += 1
        if hits is None:
            return
        if event.expected is None:
            sums.faults[("nothing_expected",)] += 1
        else:
            freshness.places[(place(hits, event.expected, event.expected_corpus),)] += 1

    def _swap(self, event: Event, hits: Hits, moment: SecondBucket, _: Accumulators) -> None:
        swap = moment.band.swap
        rejected = event.exclude_ids
        is_first = rejected is None and event.outcome != "skipped"
        swap.attempted[("first" if is_first else "second",)] += 1
        if hits is None:
            return
        if rejected is None:
            self._pairing.remember(event, compact(hits))
            return
        swap.after[("swaps",)] += 1
        swap.after[("returned",)] += returned(event)
        if first := self._pairing.recall(event, "swap"):
            swap.pairs[overlap(frozenset(first.ids), identities(hits))] += 1

    def _inbox(self, event: Event, hits: Hits, moment: SecondBucket, _: Accumulators) -> None:
        moment.band.inbox.add(event)
        if self._say is not None and event.rating is not None and hits is not None:
            self._say(event, "judge_rating", float(event.rating))


def unit_of(event: Event) -> int:
    """The statistical unit of an event: trios of one variant ask the same and count as one."""
    return event.trio if event.variant is None else event.variant


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


def changed(before: dict[str, int] | None, after: dict[str, int] | None) -> bool:
    """Whether the corpora of a pair's ends are known to differ in size."""
    return before is not None and after is not None and before != after
