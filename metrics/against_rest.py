"""Against rest: whether a question gets under load the list that it got without.

Each baseline's list against the same question's at rest, in another run (``--rest``) or of the
trio that was alone at the beginning (``--reference``): the mean
share of a list that the other has too, 2·shared/(a + b); two empty lists are alike. Higher is
better. Mean over questions of each question's mean; interval Wilson's, joined with the jackknife
over trios (by_question.py). Source: VERDICT.md, section 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcstress.metrics.by_question import NANO, ByQuestion
from mcstress.metrics.event import Event
from mcstress.metrics.metric import (
    COUNT,
    RATE,
    FigureGroup,
    Metric,
    MetricName,
    PerQuestion,
    ResultContext,
    Seen,
)


class AgainstRest(Metric):
    """Overlaps by question, in billionths."""

    key = "against_rest"
    section = "stability.against_rest"
    hears = ("baseline",)
    about = "rest_overlap"

    def __init__(self) -> None:
        self.overlaps = ByQuestion()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        of = FigureGroup(cls.section, cls.hears, "lists", None, "questions").name
        yield of(
            "mean_overlap",
            RATE,
            "share of a baseline's list that the same question's at rest has; mean over "
            "questions; higher is better",
            "ci95",
            label="overlap with the list at rest",
            better="higher",
        )
        yield of("lists", COUNT, "baseline lists whose question was asked at rest")
        yield of("questions", COUNT, "different questions among them")

    def add(self, event: Event, seen: Seen) -> None:
        """Count a baseline's list, where there is one at rest."""
        if seen.hits is not None and event.rest_overlap is not None:
            self.overlaps.add(seen.unit, seen.question, round(NANO * event.rest_overlap))

    def per_question(self) -> PerQuestion:
        """Overlaps by question."""
        return {f"{self.section}.mean_overlap": self.overlaps.sums(scale=NANO)}

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The figure's section."""
        del context
        rate = self.overlaps.rate(scale=NANO)
        return {
            "mean_overlap": rate and rate.value,
            "ci95": rate and list(rate.ci95),
            "ci95_label": rate and rate.ci95_label,
            "lists": self.overlaps.samples,
            "questions": len(self.overlaps),
        }
