"""Swap: a client rejects a list. Does any rejected id return? Lower is better, and 0 is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcstress.metrics import jaccard
from mcstress.metrics.by_question import ByQuestion
from mcstress.metrics.event import Event
from mcstress.metrics.identity import identities, identity
from mcstress.metrics.intervals import wilson
from mcstress.metrics.metric import (
    COUNT,
    JACCARD,
    NO_QUESTION,
    NO_UNIT,
    FigureGroup,
    Metric,
    MetricName,
    PerQuestion,
    PlannedRound,
    Range,
    ResultContext,
    Seen,
)
from mcstress.metrics.tally import Tally

SWAP_AND_INBOX = "swap_and_inbox"
"""The report's table of rejected lists and of messages."""

RANGES = (
    Range("==", 0, "healthy", "nobody who was rejected returns"),
    Range(">", 0, "ignored", "{items} that were rejected return"),
)


class SwapFigures(Metric):
    """``pairs``: shared, union of the rejected list and the one after it.

    ``after``: by question, the lists after a rejection, and how many rejected hits returned.
    ``attempted``: "first" and "second" queries that were not cut off; only a second is skipped.
    """

    key = section = "swap"
    hears = ("swap",)

    def __init__(self) -> None:
        self.pairs: Tally[tuple[int, int]] = Tally()
        self.after = ByQuestion()
        self.returned: Tally[tuple[()]] = Tally()
        self.attempted: Tally[tuple[str]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        of = FigureGroup("swap", cls.hears, "swaps").name
        yield of("swaps", COUNT, "lists that came after a rejection", table=SWAP_AND_INBOX,
                 row="swaps completed", counts=("swaps", "planned"))  # fmt: skip
        yield of("questions", COUNT, "different queries among them")
        yield of("planned", COUNT, "swaps that were attempted or planned")
        yield of(
            "returned",
            COUNT,
            "rejected hits (corpus and id) that came back; 0 is right",
            ranges=RANGES,
            label="rejected hits that came back",
            table=SWAP_AND_INBOX,
            row="rejected {items} that came back",
            questions="swap.questions",
            better="lower",
            span=0.0,
        )
        yield of("pairs", COUNT, "rejected lists compared with the ones after")
        both = "the rejected list against the one after; lower is better"
        yield of("mean_jaccard", JACCARD, both, "ci95", "pairs",
                 table=SWAP_AND_INBOX, row="Jaccard with the rejected list")  # fmt: skip

    @classmethod
    def planned(cls, one_round: PlannedRound) -> Mapping[str, int]:
        """Every swap has one list after a rejection."""
        return {"swap": one_round.asked.get("swap", 0)}

    def add(self, event: Event, seen: Seen) -> None:
        """Count the query before or the one after a rejection."""
        excluded, hits, before = event.exclude_ids, seen.hits, seen.before
        is_first = excluded is None and event.outcome != "skipped"
        self.attempted[("first" if is_first else "second",)] += 1
        if hits is None or excluded is None:
            return
        came_back = returned(event)
        self.after.add(seen.unit, seen.question, came_back)
        if came_back:
            self.returned[()] += came_back
        if before is not None and seen.ids is not None:
            self.pairs[jaccard.overlap(frozenset(before.ids), seen.ids)] += 1

    def per_question(self) -> PerQuestion:
        """How many rejected hits returned in a list, by question."""
        return {"swap.returned": self.after.sums()}

    def restore(self, state: Any) -> None:
        """Add what ``state()`` gave; older versions counted without a question."""
        after = state.get("after")
        if isinstance(after, list):
            counted = {word: sum(row[-1] for row in after if row[-2] == word) for word in _OLDER}
            swaps, came_back = counted["swaps"], counted["returned"]
            self.returned[()] += came_back
            after = {"samples": swaps, "rows": [[NO_UNIT, NO_QUESTION, swaps, came_back]]}
            state = {**state, "after": after}
        super().restore(state)

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The figure's section. ``returned`` is None where no list came after a rejection.

        A swap was attempted when its second query was: where the end of the run comes between the
        two, the swap was cut, and nothing is missing.
        """
        swaps, pairs = self.after.samples, self.pairs.total()
        mean = jaccard.mean(self.pairs)
        return {
            "swaps": swaps,
            "questions": len(self.after),
            "planned": max(context.planned.get("swap", 0), self.attempted[("second",)]),
            "returned": self.returned[()] if swaps else None,
            "pairs": pairs,
            "mean_jaccard": mean,
            "ci95": None if mean is None else list(wilson(min(mean, 1.0), pairs)),
        }


_OLDER = ("swaps", "returned")


def returned(event: Event) -> int:
    """How many of the hits that were rejected the event's list has.

    Ids alone go over the wire, and leave out what has them in any corpus; but who returns is a hit,
    and the namesake from another corpus was not rejected. Events of older versions have ids only.
    """
    hits = event.top_k or ()
    if event.rejected is None:
        return len({hit.id for hit in hits}.intersection(event.exclude_ids or ()))
    rejected = {identity(item.corpus, item.id) for item in event.rejected}
    return len(rejected.intersection(identities(hits)))
