"""The quality of single queries, from a run's events, so that two runs can be paired by query.

A query is what was asked: rounds and trios that ask the same count as one, for their answers are no
independent witnesses. For diversity, whose pairs share lists, it is all pairs of a role, or of a
contract, which share none with another's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from mcstress.metrics.event import Event
from mcstress.metrics.identity import identities
from mcstress.metrics.rates import ABSENT, TOP1, place
from mcstress.metrics.swap import returned

Query = tuple[Any, ...]
Cell = tuple[str, str]

SAME_ROLE = "diversity.same_role_across_contracts.mean_jaccard"
DIFFERENT_ROLES = "diversity.different_roles_within_contract.mean_jaccard"
DETERMINISM = "determinism.mean_jaccard"
FRESHNESS = "freshness.top_k_rate"
RATING = "inbox.mean_rating"
RETURNED = "swap.returned"
HANDOVER = {
    "handover": "handover.verbatim.top1_rate",
    "handover_paraphrase": "handover.paraphrase.top1_rate",
}


class Mean:
    """A mean that is still growing."""

    __slots__ = ("count", "total")

    def __init__(self) -> None:
        self.total = 0.0
        self.count = 0

    def add(self, value: float) -> None:
        self.total += value
        self.count += 1

    @property
    def value(self) -> float:
        return self.total / self.count


class QueryScores:
    """Mean score of each query, by figure. ``cells``: how many a round has, to forget it then."""

    def __init__(self, cells: int | None = None) -> None:
        self.scores: dict[str, dict[Query, Mean]] = defaultdict(lambda: defaultdict(Mean))
        self._cells = cells
        self._rounds: dict[tuple[int, int], dict[Cell, frozenset[str]]] = defaultdict(dict)
        self._baselines: dict[tuple[int, str, Cell], Event] = {}
        self._messages: dict[tuple[int, int, str], count[int]] = defaultdict(count)

    def add(self, event: Event) -> None:
        """Count an event. Those of one coordinator come in their order."""
        if event.phase == "inbox":
            self._inbox(event)
        # As the figures have it: a list counts though a later step of its event failed.
        if event.outcome == "cut" or event.listed is None:
            return
        if event.phase == "baseline":
            self._baseline(event)
        elif event.phase == "reissue":
            self._reissue(event)
        elif event.phase in HANDOVER and event.arm == "memory" and event.expected is not None:
            at = place(event.listed, event.expected, event.expected_corpus)
            self._score(HANDOVER[event.phase], event, at == TOP1)
        elif event.phase == "fresh_resume" and event.expected is not None:
            at = place(event.listed, event.expected, event.expected_corpus)
            self._score(FRESHNESS, event, at != ABSENT)
        elif event.phase == "swap" and event.exclude_ids is not None:
            self._score(RETURNED, event, returned(event))

    def _score(self, figure: str, event: Event, value: float) -> None:
        self.scores[figure][unit_of(event), persona_of(event), event.cell].add(value)

    def _inbox(self, event: Event) -> None:
        number = next(self._messages[event.trio, event.round, event.coordinator])
        if event.rating is not None:
            self.scores[RATING][unit_of(event), persona_of(event), number].add(event.rating)

    def _baseline(self, event: Event) -> None:
        self._baselines[event.trio, event.coordinator, event.cell] = event
        lists = self._rounds[event.trio, event.round]
        if event.cell in lists:
            return
        ids = frozenset(identities(event.top_k or ()))
        for cell, others in lists.items():
            self._pair(event, cell, jaccard(ids, others))
        lists[event.cell] = ids
        if len(lists) == self._cells:
            del self._rounds[event.trio, event.round]

    def _pair(self, event: Event, other: Cell, value: float) -> None:
        contract, role = event.cell
        if other[1] == role:
            self.scores[SAME_ROLE][unit_of(event), role].add(value)
        elif other[0] == contract:
            self.scores[DIFFERENT_ROLES][unit_of(event), contract].add(value)

    def _reissue(self, event: Event) -> None:
        before = self._baselines.pop((event.trio, event.coordinator, event.cell), None)
        if before is None or before.round != event.round:
            return
        if before.corpus_sizes == event.corpus_sizes:
            lists = [frozenset(identities(one.top_k or ())) for one in (before, event)]
            value = jaccard(*lists)
            self._score(DETERMINISM, event, value)


def query_scores(events: Iterable[Event], cells: int | None = None) -> QueryScores:
    """The scores of all ``events``, which come in time order."""
    scores = QueryScores(cells)
    for event in events:
        scores.add(event)
    return scores


def side_means(runs: Iterable[QueryScores], figure: str) -> Mapping[Query, float]:
    """The mean over runs of each query's score."""
    means: dict[Query, Mean] = defaultdict(Mean)
    for run in runs:
        for query, mean in run.scores.get(figure, {}).items():
            means[query].add(mean.value)
    return {query: mean.value for query, mean in means.items()}


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """What two lists share by what they hold together; two empty ones are alike."""
    return len(a & b) / len(a | b) if a or b else 1.0


def unit_of(event: Event) -> int:
    """Trios of one variant ask the same questions, so that they count as one."""
    return event.trio if event.variant is None else event.variant


def persona_of(event: Event) -> str:
    """``alice`` of ``alice-2``: the trio's number is no part of what was asked."""
    return event.coordinator.rpartition("-")[0] if event.trio > 1 else event.coordinator
