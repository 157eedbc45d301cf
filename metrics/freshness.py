"""Freshness: are new resumes found? Higher is better; intervals Wilson's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from mcstress.metrics.event import Event
from mcstress.metrics.metric import (
    COUNT,
    RATE,
    Metric,
    MetricName,
    PerQuestion,
    PlannedRound,
    Range,
    ResultContext,
    Section,
    Seen,
    Unit,
    question_means,
)
from mcstress.metrics.rates import ABSENT, LISTED, TOP1, rate, rate_ci95
from mcstress.metrics.tally import Tally

RANGES = (
    Range(">=", 0.95, "healthy", "new resumes are found"),
    Range(">=", 0.0, "low", "not every new resume is found"),
)


class Freshness(Metric):
    """``places``: unit and where its query found a resume.

    ``attempted`` counts those that were not cut off.
    """

    key = section = "freshness"
    hears = ("fresh_resume",)
    rows_without_unit: ClassVar[Mapping[str, int]] = {"places": 2}

    def __init__(self) -> None:
        self.places: Tally[tuple[Unit, int]] = Tally()
        self.attempted: Tally[tuple[()]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        of = Section("freshness", cls.hears, "resumes").name
        yield of("resumes", COUNT, "new resumes that were searched for")
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
            self.places[seen.question, seen.place] += 1
        elif seen.hits is not None:
            seen.faults[("nothing_expected",)] += 1

    def per_question(self) -> PerQuestion:
        """Whether a resume was in the list, by unit."""
        rows = ((unit, float(at != ABSENT), n) for (unit, at), n in self.places.items())
        return {"freshness.top_k_rate": question_means(rows)}

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The figure's section; ``ci95`` belongs to ``top_k_rate``."""
        found = dict.fromkeys((TOP1, LISTED, ABSENT), 0)
        for (_, at), n in self.places.items():
            found[at] += n
        resumes, top1, top_k = sum(found.values()), found[TOP1], found[TOP1] + found[LISTED]
        return {
            "resumes": resumes,
            "planned": max(context.planned.get("freshness", 0), self.attempted[()]),
            "top1": top1,
            "top_k": top_k,
            "top1_rate": rate(top1, resumes),
            "top1_ci95": rate_ci95(top1, resumes),
            "top_k_rate": rate(top_k, resumes),
            "ci95": rate_ci95(top_k, resumes),
        }
