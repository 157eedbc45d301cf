"""Observer: brings each event, and what it is compared with, to the metrics that hear its phase."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET

from mcstress.metrics.accumulators import Accumulators
from mcstress.metrics.event import Event, Hit
from mcstress.metrics.handover import KINDS
from mcstress.metrics.identity import identities
from mcstress.metrics.metric import UNSENT_STEPS, Faults, Hits
from mcstress.metrics.pairing import Pairing
from mcstress.metrics.question import Questions
from mcstress.metrics.rates import TOP1, place
from mcstress.metrics.registry import REGISTRY
from mcstress.metrics.rounds import Listed
from mcstress.metrics.second_bucket import SecondBucket
from mcstress.metrics.worst_events import time_us

Observe = Callable[[Event, Hits, SecondBucket], None]

COMPARED = frozenset({"baseline", "reissue", "swap"})
"""The phases whose lists are compared with one another, hit by hit."""


class Observer:
    """Remembers the events that later ones are compared with; the metrics count."""

    def __init__(self, *, folds: bool) -> None:
        self._folds = folds
        self._pairing = Pairing()
        self._question_of = Questions()
        self._by_phase: dict[str, Observe] = {
            **{phase: self._other for metric in REGISTRY.values() for phase in metric.hears},
            "fresh_resume": self._fresh_resume,
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
        if event.scheduled is not UNSET:
            moment.add_scheduled(event, unsent)
        moment.question = event.question or self._question_of(event)
        # ``unit_of`` and ``listed``, without a call.
        moment.unit = event.trio if event.variant is None else event.variant
        if event.outcome == "cut":
            return
        hits, phase, who = event.top_k, event.phase, None
        if event.found is None:
            hits = None
        elif hits is not None:
            # Those that are compared need identities, of which as many differ as there are hits.
            if phase in COMPARED:
                who = tuple(identities(hits))
                different = len(set(who))
            else:
                different = len({hit.id for hit in hits})
            if not len(hits) == event.k == different:
                hits = _distinct(event, hits, sums.faults)
                who = who and tuple(identities(hits))
        moment.ids = who
        # One by one: most events have none of RARE, and most metrics ask for none.
        is_plain = (
            event.memory is None
            and event.truth is None
            and event.rest_overlap is None
            and event.recorded is UNSET
            and event.changes is UNSET
        )
        moment.hear = moment.plain if is_plain else moment.listeners
        if phase == "baseline":
            self._baseline(event, moment, sums)
        observe = self._by_phase.get(phase)
        if observe is not None:
            observe(event, hits, moment)

    def _baseline(self, event: Event, moment: SecondBucket, sums: Accumulators) -> None:
        """Baselines of all workers are paired with one another: Diversity hears of the pairs."""
        cell, kept = event.cell, moment.ids
        if kept is not None:
            self._pairing.remember(event, cell, kept)
        sizes = event.corpus_sizes
        pool = sum(sizes.values()) if sizes else 0
        listed = Listed(time_us(event), moment.users_from, moment.unit, pool, kept)
        key = (event.trio, event.round)
        if self._folds:
            sums.rounds.pair(key, cell, listed, sums.bands, sums.faults)
        else:
            sums.rounds.hold(key, cell, listed, sums.faults)

    # Each of these has a loop of its own: a call that always calls the same costs half as much.

    def _other(self, event: Event, hits: Hits, moment: SecondBucket) -> None:
        moment.hits, moment.before, moment.place = hits, None, None
        for add in moment.hear.get(event.phase, ()):
            add(event, moment)

    def _reissue(self, event: Event, hits: Hits, moment: SecondBucket) -> None:
        before, ids = self._pairing.baseline_of(event), moment.ids
        moment.hits, moment.before, moment.place = hits, before, None
        moment.pair = None if before is None or ids is None else before.against(event, ids)
        for add in moment.hear["reissue"]:
            add(event, moment)

    def _handover(self, event: Event, hits: Hits, moment: SecondBucket) -> None:
        """A control's counterpart is its memory arm, remembered by where its answer stood."""
        moment.hits, moment.before, moment.place = hits, None, None
        if event.arm is not None and hits is not None and event.expected is not None:
            moment.place = at = place(hits, event.expected, event.expected_corpus)
            if event.arm == "control":
                moment.before = self._pairing.recall(event, event.phase)
            else:
                missed = None if at == TOP1 else event
                self._pairing.remember(event, event.cell, (), at, missed)
        before = moment.before
        if before is not None and before.missed is not None:
            moment.examples.add_missed(before.missed, event, before.place or TOP1)
        for add in moment.hear[event.phase]:
            add(event, moment)

    def _fresh_resume(self, event: Event, hits: Hits, moment: SecondBucket) -> None:
        moment.hits, moment.before, moment.place = hits, None, None
        if hits is not None and event.expected is not None:
            moment.place = place(hits, event.expected, event.expected_corpus)
        for add in moment.hear["fresh_resume"]:
            add(event, moment)

    def _swap(self, event: Event, hits: Hits, moment: SecondBucket) -> None:
        """The counterpart of a second query, which rejects a list, is the first."""
        moment.hits, moment.before, moment.place = hits, None, None
        if moment.ids is not None and event.exclude_ids is not None:
            moment.before = self._pairing.recall(event, "swap")
        elif moment.ids is not None:
            self._pairing.remember(event, event.cell, moment.ids)
        for add in moment.hear["swap"]:
            add(event, moment)


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
