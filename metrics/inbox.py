"""Inbox: what became of the messages, and how the judge rated the workers found for them.

Counts cover every message that was not cut off, whatever failed after it was accepted. Content of
the LLM that is not what was asked for is "unparseable", neither success nor failure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from mcstress.metrics.event import Event
from mcstress.metrics.metric import (
    COUNT,
    Metric,
    MetricName,
    PerQuestion,
    PlannedRound,
    ResultContext,
    Section,
    Seen,
    Unit,
    question_means,
)
from mcstress.metrics.tally import Tally

RATINGS = (1, 2, 3, 4, 5)
RECORD_STEP, JUDGE_STEP = "observerd.inbox.record", "llm.judge_top1"


class Inbox(Metric):
    """``messages``: counts by what became of them. ``ratings``: by unit and rating."""

    key = section = "inbox"
    hears = ("inbox",)
    rows_without_unit: ClassVar[Mapping[str, int]] = {"ratings": 2}

    def __init__(self) -> None:
        self.messages: Tally[tuple[str]] = Tally()
        self.ratings: Tally[tuple[Unit, int]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        of = Section("inbox", cls.hears, "messages").name
        yield of("messages", COUNT, "emails and SMS that came, but for those cut off")
        yield of("planned", COUNT, "messages that came or were planned")
        accepted, parsed = (
            "messages that the observer took",
            "messages that the LLM made a demand of",
        )
        yield of("accepted", COUNT, accepted, label="messages accepted")
        yield of("parsed", COUNT, parsed, label="demands parsed")
        unparseable = "messages whose parse was not what was asked for"
        yield of("unparseable", COUNT, unparseable, label="unparseable")
        yield of("parse_failed", COUNT, "messages whose parse failed")
        for rating in RATINGS:
            yield of(f"ratings.{rating}", COUNT, f"messages whose top hit was rated {rating}")
        yield of("rated", COUNT, "messages whose top hit was rated")
        yield of(
            "mean_rating",
            "rating, 1 to 5",
            "mean rating of the top hit; higher is better",
            samples="rated",
            label="judge's mean rating, 1 to 5",
            better="higher",
            span=float(RATINGS[-1] - RATINGS[0]),
        )
        yield of("unrated", COUNT, "messages accepted and never rated", label="unrated")
        yield of("unparseable_ratings", COUNT, "ratings that were not what was asked for")

    @classmethod
    def planned(cls, one_round: PlannedRound) -> Mapping[str, int]:
        """Every message comes once."""
        return {"inbox": one_round.asked.get("inbox", 0)}

    def add(self, event: Event, seen: Seen) -> None:
        """Count a message."""
        messages = self.messages
        messages[("attempted",)] += 1
        answered = {step.name for step in event.steps if step.error is None}
        if RECORD_STEP in answered:
            messages[("accepted",)] += 1
        if event.parse_status:
            messages[(event.parse_status,)] += 1
        if event.rating is not None:
            self.ratings[seen.question, event.rating] += 1
            if seen.say is not None and seen.hits is not None:
                seen.say(event, "judge_rating", float(event.rating))
        elif JUDGE_STEP in answered:
            messages[("unparseable_rating",)] += 1

    def per_question(self) -> PerQuestion:
        """Ratings by unit."""
        rows = ((unit, float(rating), n) for (unit, rating), n in self.ratings.items())
        return {"inbox.mean_rating": question_means(rows)}

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The figure's section. ``unrated``: messages accepted and never rated, for any reason."""
        ratings = {str(rating): 0 for rating in RATINGS}
        for (_, rating), n in self.ratings.items():
            ratings[str(rating)] = ratings.get(str(rating), 0) + n
        rated = self.ratings.total()
        accepted = self.messages[("accepted",)]
        messages = self.messages[("attempted",)]
        return {
            "messages": messages,
            "planned": max(context.planned.get("inbox", 0), messages),
            "accepted": accepted,
            "parsed": self.messages[("parsed",)],
            "unparseable": self.messages[("unparseable",)],
            "parse_failed": self.messages[("failed",)],
            "ratings": ratings,
            "rated": rated,
            "mean_rating": sum(r * n for (_, r), n in self.ratings.items()) / rated
            if rated
            else None,
            "unrated": max(accepted - rated, 0),
            "unparseable_ratings": self.messages[("unparseable_rating",)],
        }
