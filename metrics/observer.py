"""Observer: what each phase's events say, counted where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from metrics.band import Band, Bands, band_of
from metrics.determinism import Pair
from metrics.event import Event
from metrics.faults import Faults
from metrics.handover import KINDS
from metrics.jaccard import overlap
from metrics.pairing import Pairing, compact
from metrics.rates import TOP1, place
from metrics.rounds import Listed, Rounds
from metrics.timeline import Slot, Timeline
from metrics.worst import WorstReissues, time_us


class Sums:
    """All that is counted; what a worker hands over, and what the master adds up."""

    def __init__(self, cells: int | None = None) -> None:
        self.bands = Bands()
        self.timeline = Timeline()
        self.worst = WorstReissues()
        self.faults = Faults()
        self.rounds = Rounds(cells)


class Seen(NamedTuple):
    """An event that was not cut off, its ids without repeats (None: no list), where it counts."""

    event: Event
    ids: list[str] | None
    band: Band
    slot: Slot


class Observer:
    """Counts events by phase; remembers those that later ones are compared with."""

    def __init__(self, *, folds: bool) -> None:
        self._folds = folds
        self._pairing = Pairing()
        self._by_phase: dict[str, Callable[[Seen, Sums], None]] = {
            "baseline": self._baseline,
            "reissue": self._reissue,
            "swap": self._swap,
            "inbox": lambda seen, _: seen.band.inbox.add(seen.event),
            "fresh_resume": self._fresh_resume,
            **dict.fromkeys(KINDS, self._handover),
        }

    def add(self, event: Event, sums: Sums) -> None:
        """Count an event."""
        band, slot = sums.bands.at(event.users), sums.timeline.at(int(event.time.timestamp()))
        band.events[event.phase, event.outcome] += 1
        slot.add(event)
        band.latency.add(event)
        for step in event.steps:
            if step.error is not None:
                band.errors.add(step.name, step.error)
        if event.outcome == "cut":
            return
        ids = _list_of(event, sums.faults) if event.outcome == "ok" else None
        observe = self._by_phase.get(event.phase)
        if observe is not None:
            observe(Seen(event, ids, band, slot), sums)

    def _baseline(self, seen: Seen, sums: Sums) -> None:
        event = seen.event
        ids = None if seen.ids is None else compact(seen.ids)
        if ids is not None:
            self._pairing.remember(event, ids)
        pool = sum(event.corpus_sizes.values()) if event.corpus_sizes else 0
        listed = Listed(time_us(event), band_of(event.users), unit_of(event), pool, ids)
        key = (event.trio, event.round)
        if self._folds:
            sums.rounds.pair(key, event.cell, listed, sums.bands, sums.faults)
        else:
            sums.rounds.hold(key, event.cell, listed)

    def _reissue(self, seen: Seen, sums: Sums) -> None:
        event, determinism = seen.event, seen.band.determinism
        determinism.attempted[()] += 1
        baseline = self._pairing.recall(event, "baseline")
        if baseline is None or seen.ids is None:
            return
        pair = Pair(baseline.ids, seen.ids)
        if _changed(baseline.corpus_sizes, event.corpus_sizes):
            determinism.changed[pair.shared, pair.union] += 1
            sums.faults[("changed_corpora_pairs",)] += 1
            return
        determinism.add(unit_of(event), pair)
        seen.slot.determinism[pair.shared, pair.union] += 1
        if not pair.identical:
            lists = (baseline.ids, tuple(seen.ids))
            sums.worst.add(event, (pair.shared, pair.union), pair.rbo_nano, lists)

    def _handover(self, seen: Seen, sums: Sums) -> None:
        event, handover, kind = seen.event, seen.band.handover, KINDS[seen.event.phase]
        for arm in (event.arm,) if event.arm else ("memory", "control"):
            handover.attempted[kind, arm] += 1
        if event.arm is None or seen.ids is None:
            return
        if event.expected is None:
            sums.faults[("nothing_expected",)] += 1
            return
        at = place(seen.ids, event.expected)
        handover.arms[kind, event.arm, at] += 1
        seen.slot.handover[event.arm, int(at == TOP1)] += 1
        if event.arm == "memory":
            handover.reported[kind, "boosted"] += event.boosted or 0
            handover.reported[kind, "injected"] += event.injected or 0
            self._pairing.remember(event, (), at)
        elif memory := self._pairing.recall(event, event.phase):
            handover.pairs[kind, unit_of(event), memory.place or 0, at] += 1

    def _fresh_resume(self, seen: Seen, sums: Sums) -> None:
        freshness = seen.band.freshness
        freshness.attempted[()] += 1
        if seen.ids is None:
            return
        if seen.event.expected is None:
            sums.faults[("nothing_expected",)] += 1
        else:
            freshness.places[(place(seen.ids, seen.event.expected),)] += 1

    def _swap(self, seen: Seen, _: Sums) -> None:
        event, swap = seen.event, seen.band.swap
        rejected = event.exclude_ids
        swap.attempted[("first" if rejected is None else "second",)] += 1
        if seen.ids is None:
            return
        if rejected is None:
            self._pairing.remember(event, compact(seen.ids))
            return
        swap.after[("swaps",)] += 1
        swap.after[("returned",)] += len(set(rejected).intersection(seen.ids))
        if first := self._pairing.recall(event, "swap"):
            swap.pairs[overlap(frozenset(first.ids), seen.ids)] += 1


def unit_of(event: Event) -> int:
    """The statistical unit of an event: trios of one variant ask the same and count as one."""
    return event.trio if event.variant is None else event.variant


def _list_of(event: Event, faults: Faults) -> list[str] | None:
    """The event's ids in rank order, an id twice once; None where it has no list."""
    if event.top_k is None:
        return None
    ids = [hit.id for hit in event.top_k]
    if not ids:
        faults[("nothing_found",)] += 1
    elif len(set(ids)) != len(ids):
        faults[("repeated_ids",)] += 1
        return list(dict.fromkeys(ids))
    return ids


def _changed(before: dict[str, int] | None, after: dict[str, int] | None) -> bool:
    return before is not None and after is not None and before != after
