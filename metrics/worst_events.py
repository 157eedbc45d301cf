"""The worst of a run, five of a kind: what a reader looks at first, with queries and lists.

Reissues that changed most, handovers that missed, the slowest searches, the lowest ratings. Each
list is cut as it grows and orders all that there can be, so that merging in any order keeps the
same five, live and read back. What a service said is cut in length.
"""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

from mcstress.metrics.event import Event, Hit, utc
from mcstress.metrics.identity import identities, named
from mcstress.metrics.jaccard import jaccard
from mcstress.metrics.tally import Accumulator

PARAPHRASE_PHASE = "handover_paraphrase"
KEPT = 5
TEXT_LENGTH = 500
"""Characters that are kept of a query, an error or an identity."""
HITS_KEPT = 20
"""Of a list, from the first rank on."""
SEARCH = "matrix.search"
BEST_RATING = 5


class Reissue(NamedTuple):
    """A reissue that is not its baseline, with both lists; compares by how bad, then by which.

    The lists hold identities.
    """

    jaccard: float
    rbo_nano: int
    time_us: int
    coordinator: str
    round: int
    contract: str
    role: str
    query: str
    trace_id: str
    shared: int
    union: int
    baseline: tuple[str, ...]
    reissue: tuple[str, ...]


class WorstReissues(list[Reissue]):
    """The five worst: lowest Jaccard, then lowest rank-biased overlap, then the earliest."""

    def add(
        self,
        event: Event,
        sizes: tuple[int, int],
        rbo_nano: int,
        lists: tuple[tuple[str, ...], tuple[str, ...]],
    ) -> None:
        """Keep a reissue if it is among the worst."""
        likeness, begin_us = jaccard(*sizes), time_us(event)
        if len(self) == KEPT and (likeness, rbo_nano, begin_us) > self[-1][:3]:
            return
        seat = (
            event.coordinator,
            event.round,
            *event.cell,
            (event.query or "")[:TEXT_LENGTH],
            event.trace_id or "",
        )
        self.append(Reissue(likeness, rbo_nano, begin_us, *seat, *sizes, *lists))
        self._cut()

    def _cut(self) -> None:
        self.sort()
        del self[KEPT:]

    def merge(self, other: WorstReissues) -> None:
        """Keep the worst of both."""
        self.extend(other)
        self._cut()

    def state(self) -> list[list[Any]]:
        """One row each, without the Jaccard, which follows from the sizes."""
        return [[*one[1:-2], list(one.baseline), list(one.reissue)] for one in self]

    def restore(self, state: list[list[Any]]) -> None:
        """Add what ``state()`` gave."""
        for *ranked, baseline, reissue in state:
            row = [jaccard(*ranked[-2:]), *ranked, tuple(baseline), tuple(reissue)]
            self.append(Reissue._make(row))
        self._cut()

    def result(self) -> list[dict[str, Any]]:
        """The worst first; both lists as ``{"id", "corpus"}`` in rank order."""
        return [
            {
                "jaccard": one.jaccard,
                "rbo": one.rbo_nano / 1e9,
                "time": utc(one.time_us / 1e6).isoformat(),
                "coordinator": one.coordinator,
                "round": one.round,
                "contract": one.contract,
                "role": one.role,
                "query": one.query,
                "trace_id": one.trace_id or None,
                "baseline": list(map(named, one.baseline)),
                "reissue": list(map(named, one.reissue)),
            }
            for one in self
        ]


class Example(NamedTuple):
    """One event that is among the worst of its kind; compares by how bad, then by which.

    ``rank``: less is worse. ``told``: the error, where there is one. ``found`` is its list,
    ``beside`` the one it is compared with (a handover's control); both hold identities, as does
    ``expected``, which should have come first.
    """

    rank: int
    time_us: int
    worker: str
    seq: int
    coordinator: str
    round: int
    phase: str
    contract: str
    role: str
    query: str
    trace_id: str
    told: str
    expected: str
    found: tuple[str, ...]
    beside: tuple[str, ...]


class Worst(list[Example]):
    """The five of least ``rank``, then the earliest. ``most``: what is above it is not among them.

    ``most`` is only ever lowered, so that what one part leaves out no other would keep.
    """

    def __init__(self) -> None:
        super().__init__()
        self.most: float = inf

    def add(self, rank: int, event: Event, told: str = "", beside: Event | None = None) -> None:
        """Keep an event if it is among the worst."""
        if rank > self.most:
            return
        begin_us = time_us(event)
        # Most misses have the same rank: of those only an earlier one is worth a look at its lists.
        if len(self) == KEPT and (rank, begin_us, event.worker, event.seq) >= self[-1][:4]:
            return
        texts = (*event.cell, event.query or "", event.trace_id or "", told, _expected(event))
        seat = event.worker, event.seq, event.coordinator, event.round, event.phase
        lists = _kept(event.listed), _kept(beside.listed if beside else None)
        cut = (text[:TEXT_LENGTH] for text in texts)
        self.append(Example._make([rank, begin_us, *seat, *cut, *lists]))
        self._cut()

    def _cut(self) -> None:
        self.sort()
        del self[KEPT:]
        if len(self) == KEPT:
            self.most = self[-1].rank

    def merge(self, other: Worst) -> None:
        """Keep the worst of both."""
        self.extend(other)
        self._cut()

    def state(self) -> list[list[Any]]:
        """One row each."""
        return [[*one[:-2], list(one.found), list(one.beside)] for one in self]

    def restore(self, state: list[list[Any]]) -> None:
        """Add what ``state()`` gave."""
        for *plain, found, beside in state:
            self.append(Example._make([*plain, tuple(found), tuple(beside)]))
        self._cut()

    def result(self, measure: str, scale: float = 1) -> list[dict[str, Any]]:
        """The worst first; ``measure`` is what ``rank`` by ``scale`` is called."""
        return [
            {
                "time": utc(one.time_us / 1e6).isoformat(),
                "worker": one.worker,
                "seq": one.seq,
                "coordinator": one.coordinator,
                "round": one.round,
                "phase": one.phase,
                "contract": one.contract,
                "role": one.role,
                "query": one.query,
                "trace_id": one.trace_id or None,
                "error": one.told or None,
                "expected": named(one.expected) if one.expected else None,
                "found": list(map(named, one.found)),
                "beside": list(map(named, one.beside)),
                measure: one.rank * scale,
            }
            for one in self
        ]


class Examples(Accumulator):
    """Handovers whose answer was not at top-1; ``slow``: searches; ``rated``: ratings.

    ``missed`` are those in the same words, which hardly ever lose their answer from the list and
    would not stand among the others; ``missed_paraphrase`` those in other words.
    ``slow`` has the latency in ns, negative. A handover is looked at when its control is there.
    """

    def __init__(self) -> None:
        self.missed = Worst()
        self.missed_paraphrase = Worst()
        self.slow = Worst()
        self.rated = Worst()

    def add_slow(self, event: Event) -> None:
        """Look at an event whose steps may have taken long enough together."""
        searches = [step for step in event.steps if step.name == SEARCH and not step.cut]
        if searches:
            slowest = max(searches, key=lambda step: step.latency_ms)
            self.slow.add(-round(slowest.latency_ms * 1e6), event, slowest.error or "")

    def add_missed(self, event: Event, control: Event, at: int) -> None:
        """Note a memory arm whose answer stood ``at`` LISTED or ABSENT, with its control."""
        in_other_words = event.phase == PARAPHRASE_PHASE
        misses = self.missed_paraphrase if in_other_words else self.missed
        misses.add(-at, event, beside=control)

    def add_rating(self, event: Event) -> None:
        """Look at a message whose top hit was rated."""
        if event.rating is not None and event.rating < BEST_RATING:
            self.rated.add(event.rating, event)

    def result(self) -> dict[str, Any]:
        """By kind, the worst first."""
        missed = self.missed.result("in_list") + self.missed_paraphrase.result("in_list")
        for one in missed:
            one["in_list"] = one["in_list"] == -1
        return {
            "missed_handovers": missed,
            "slowest_searches": self.slow.result("latency_ms", -1e-6),
            "lowest_ratings": self.rated.result("rating"),
        }


def without_queries(state: dict[str, Any]) -> dict[str, Any]:
    """A state of Figures without the texts of queries."""
    examples = {
        kind: [_blank(row, Example._fields.index("query")) for row in rows]
        for kind, rows in state.get("examples", {}).items()
    }
    # A reissue's row lacks its first field, the Jaccard.
    worst = [_blank(row, Reissue._fields.index("query") - 1) for row in state.get("worst", [])]
    return (
        state | ({"examples": examples} if examples else {}) | ({"worst": worst} if worst else {})
    )


def _blank(row: list[Any], place: int) -> list[Any]:
    return [*row[:place], "", *row[place + 1 :]]


def _expected(event: Event) -> str:
    if event.expected is None:
        return ""
    return identities([Hit(event.expected, event.expected_corpus or "", 0.0)])[0]


def _kept(hits: list[Hit] | None) -> tuple[str, ...]:
    return tuple(who[:TEXT_LENGTH] for who in identities((hits or [])[:HITS_KEPT]))


def time_us(event: Event) -> int:
    """When the event began, in microseconds since 1970."""
    return round(event.time.timestamp() * 1_000_000)
