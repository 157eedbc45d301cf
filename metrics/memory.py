"""Memory that is asked by itself, and whether it keeps to the namespace that is asked.

A leak is a hit that another namespace was told: filler, whose ids name their namespace, or, where
a coordinator asks its own namespace, what it did not record. The chance levels are those of
a list drawn at random from what the namespace was told: 1/n and min(1, K/n), means over queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcstress.metrics.event import Event
from mcstress.metrics.metric import (
    COUNT,
    NOT_MEASURED,
    RATE_BY_CHANCE,
    FigureGroup,
    Metric,
    MetricName,
    Range,
    ResultContext,
    Seen,
)
from mcstress.metrics.tally import Tally

RANGES = (
    Range("==", 0, "healthy", "what one namespace was told stays there"),
    Range(">", 0, "leaks", "answers of one namespace come back in another"),
)
TABLE = "memory"
"""The report's table of a memory that is asked by itself."""
IN_SEARCH = "the memory takes part in searches, and is not asked by itself"


class Memory(Metric):
    """``asked``: searches of a memory alone. ``leaks``: hits of others, and lists with one.

    ``records``: by what the asked namespace was told, the queries that took something over.
    """

    key = section = "memory"
    hears = ("surge", "merge", "swap", "handover", "handover_paraphrase", "split")
    about = "memory"

    def __init__(self) -> None:
        self.asked: Tally[tuple[()]] = Tally()
        self.leaks: Tally[tuple[str]] = Tally()
        self.records: Tally[tuple[int]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        of = FigureGroup("memory", cls.hears, "asked", planned=None).name
        yield of("asked", COUNT, "searches of the memory alone that were answered")
        yield of(
            "leaks",
            COUNT,
            "hits that another namespace was told; 0 is right",
            ranges=RANGES,
            label="leaks of the memory",
            table=TABLE,
            row="leaks",
        )
        yield of("leaking", COUNT, "searches with such a hit", table=TABLE,
                 row="searches that leak", counts=("leaking", "asked"))  # fmt: skip
        handovers = ("handover", "handover_paraphrase")
        of = FigureGroup("memory", handovers, "taken_over", planned=None).name
        taken_over = "queries for a colleague's answer, in the colleague's namespace"
        yield of("taken_over", COUNT, taken_over)
        records = "the most that such a namespace was told, filler included"
        yield of("records", COUNT, records, table=TABLE, row="records in a namespace")
        at_top1 = "the answer at top-1 of a random list of them, 1/n"
        yield of("chance_top1", RATE_BY_CHANCE, at_top1, table=TABLE, row="chance, top-1")
        in_list = "the answer in such a list of K, min(1, K/n)"
        yield of("chance_top_k", RATE_BY_CHANCE, in_list, table=TABLE, row="chance, top-K")

    def add(self, event: Event, seen: Seen) -> None:
        """Count a search of the memory alone."""
        asked = event.memory
        if asked is None or seen.hits is None:
            return
        self.asked[()] += 1
        if asked.leaks:
            self.leaks[("hits",)] += asked.leaks
            self.leaks[("lists",)] += 1
        if event.arm == "memory" and asked.records:
            self.records[(asked.records,)] += 1

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The figure's section; all None but the counts where no memory was asked by itself."""
        asked, taken_over = self.asked[()], self.records.total()
        sizes = sorted((size, count) for (size,), count in self.records.items())
        k = context.k
        return {
            **({} if asked else {NOT_MEASURED: IN_SEARCH}),
            "asked": asked,
            "leaks": self.leaks[("hits",)] if asked else None,
            "leaking": self.leaks[("lists",)] if asked else None,
            "taken_over": taken_over,
            "records": max((size for size, _ in sizes), default=None),
            "chance_top1": sum(n / size for size, n in sizes) / taken_over if taken_over else None,
            "chance_top_k": sum(n * min(1.0, k / size) for size, n in sizes) / taken_over
            if taken_over
            else None,
        }
