"""Freshness: are new resumes found? Higher is better; rates and intervals over questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcstress.metrics.by_question import ByQuestion
from mcstress.metrics.event import Event
from mcstress.metrics.metric import (
    COUNT,
    NO_UNIT,
    RATE,
    UNKNOWN,
    Metric,
    MetricName,
    PerQuestion,
    PlannedRound,
    Range,
    ResultContext,
    Section,
    Seen,
)
from mcstress.metrics.rates import ABSENT, LISTED, TOP1, over_questions
from mcstress.metrics.tally import Tally

RANGES = (
    Range(">=", 0.95, "healthy", "new resumes are found"),
    Range(">=", 0.0, "low", "not every new resume is found"),
)


AT_TOP1, IN_LIST = range(2)
"""The figures of a question, 0 or 1 each time."""


class Freshness(Metric):
    """``asked``: by question, whether its query found the resume. ``places``: where, of all.

    ``attempted`` counts those that were not cut off.
    """

    key = section = "freshness"
    hears = ("fresh_resume",)

    def __init__(self) -> None:
        self.asked = ByQuestion(2)
        self.places: Tally[tuple[int]] = Tally()
        self.attempted: Tally[tuple[()]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        of = Section("freshness", cls.hears, "resumes", questions="questions").name
        yield of("resumes", COUNT, "new resumes that were searched for")
        yield of("questions", COUNT, "different texts among them, whatever the name")
        yield of("planned", COUNT, "new resumes that were attempted or planned")
        yield of("top1", COUNT, "new resumes found at top-1")
        at_top1 = "new resumes found at top-1; higher is better"
        yield of("top1_rate", RATE, at_top1, "top1_ci95", label="new resumes at top-1")
        yield of("top_k", COUNT, "new resumes found in the top-K")
        yield of(
            "top_k_rate",
            RATE,
            "new resumes found in the top-K; higher is better",
            "ci95",
            ranges=RANGES,
            label="new resumes in the top-K",
            better="higher",
        )

    @classmethod
    def planned(cls, one_round: PlannedRound) -> Mapping[str, int]:
        """Every resume is searched for once."""
        return {"freshness": one_round.asked.get("fresh_resume", 0)}

    def add(self, event: Event, seen: Seen) -> None:
        """Count a search for a new resume."""
        del event
        self.attempted[()] += 1
        if seen.place is not None:
            at = seen.place
            self.places[(at,)] += 1
            self.asked.add(seen.unit, seen.question, int(at == TOP1), int(at != ABSENT))
        elif seen.hits is not None:
            seen.faults[("nothing_expected",)] += 1

    def per_question(self) -> PerQuestion:
        """Whether a resume was in the list, by question."""
        return {"freshness.top_k_rate": self.asked.sums(IN_LIST)}

    def restore(self, state: Any) -> None:
        """Add what ``state()`` gave; older versions had places without their question."""
        super().restore(state)
        if "places" in state and "asked" not in state:
            for _, at, n in ([NO_UNIT, *row][-3:] for row in state["places"]):
                for _ in range(n):
                    self.asked.add(NO_UNIT, UNKNOWN, int(at == TOP1), int(at != ABSENT))

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The figure's section; ``ci95`` belongs to ``top_k_rate``."""
        asked, top1 = self.asked, self.places[(TOP1,)]
        return {
            "resumes": asked.samples,
            "questions": len(asked),
            "planned": max(context.planned.get("freshness", 0), self.attempted[()]),
            "top1": top1,
            "top_k": top1 + self.places[(LISTED,)],
            **over_questions(asked, AT_TOP1, "top1_rate", "top1_ci95"),
            **over_questions(asked, IN_LIST, "top_k_rate", "ci95"),
        }
