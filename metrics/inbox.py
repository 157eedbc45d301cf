"""Inbox: what became of the messages, and how the judge rated the workers found for them.

Counts cover every message that was not cut off, whatever failed after it was accepted. Content of
the LLM that is not what was asked for is "unparseable", neither success nor failure. Rates are of
the messages that reached that step: parsed by those whose parse was asked for, rated by those whose
rating was; higher is better, intervals Wilson's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from mcstress.metrics.event import OWN_FAULT, Event, StepRecord
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
from mcstress.metrics.rates import rate, rate_ci95
from mcstress.metrics.tally import Tally

FIELDS = ("role", "count", "location", "certs", "skills", "shift")
"""What a scenario may expect of a message."""
PARSED_RANGES = (
    Range(">=", 0.9, "healthy", "the LLM's answers can be used"),
    Range(">=", 0.0, "unusable", "too many answers of the LLM cannot be used"),
)
ACCURACY_RANGES = (
    Range(">=", 0.9, "healthy", "messages are understood"),
    Range(">=", 0.0, "misread", "the LLM reads something else in messages"),
)
RATING_RANGES = (
    Range(">=", 3.0, "healthy", "the top hit has the role that was asked for"),
    Range(">=", 1.0, "poor", "the top hit does not serve the message"),
)

RATINGS = (1, 2, 3, 4, 5)
RECORD_STEP, JUDGE_STEP = "observerd.inbox.record", "llm.judge_top1"


class Inbox(Metric):
    """``messages``: counts by what became of them. ``ratings``: by unit and rating.

    ``fields``: expected fields by unit, name, and whether they came (0 or 1).
    """

    key = section = "inbox"
    hears = ("inbox",)
    rows_without_unit: ClassVar[Mapping[str, int]] = {"ratings": 2}

    def __init__(self) -> None:
        self.messages: Tally[tuple[str]] = Tally()
        self.ratings: Tally[tuple[Unit, int]] = Tally()
        self.fields: Tally[tuple[Unit, str, int]] = Tally()

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
        yield of("parses", COUNT, "messages whose parse was asked for")
        yield of(
            "parsed_rate",
            RATE,
            "messages that the LLM made a demand of, by those it was asked for; higher is better",
            "parsed_ci95",
            "parses",
            ranges=PARSED_RANGES,
            label="demands parsed, of those asked for",
        )
        yield from _accuracy()
        for rating in RATINGS:
            yield of(f"ratings.{rating}", COUNT, f"messages whose top hit was rated {rating}")
        yield of("rated", COUNT, "messages whose top hit was rated")
        judged = Section("inbox", cls.hears, "judged", None).name
        yield judged("judged", COUNT, "messages whose rating was asked for")
        yield judged(
            "rated_rate",
            RATE,
            "messages whose top hit was rated, by those whose rating was asked for; higher is "
            "better",
            "rated_ci95",
            ranges=PARSED_RANGES,
            label="hits rated, of those asked for",
        )
        yield of(
            "mean_rating",
            "rating, 1 to 5",
            "mean rating of the top hit; higher is better",
            samples="rated",
            ranges=RATING_RANGES,
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
        for name, came in (event.expected_fields or {}).items():
            self.fields[seen.question, name, int(came)] += 1
        if event.rating is not None or any(map(_was_judged, event.steps)):
            messages[("judged",)] += 1
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
        parsed, judged = self.messages[("parsed",)], self.messages[("judged",)]
        parses = sum(self.messages[(status,)] for status in ("parsed", "unparseable", "failed"))
        return {
            "messages": messages,
            "planned": max(context.planned.get("inbox", 0), messages),
            "accepted": accepted,
            "parsed": parsed,
            "unparseable": self.messages[("unparseable",)],
            "parse_failed": self.messages[("failed",)],
            "parses": parses,
            "parsed_rate": rate(parsed, parses),
            "parsed_ci95": rate_ci95(parsed, parses),
            **self._accuracy(),
            "ratings": ratings,
            "rated": rated,
            "judged": judged,
            "rated_rate": rate(rated, judged),
            "rated_ci95": rate_ci95(rated, judged),
            "mean_rating": sum(r * n for (_, r), n in self.ratings.items()) / rated
            if rated
            else None,
            "unrated": max(accepted - rated, 0),
            "unparseable_ratings": self.messages[("unparseable_rating",)],
        }

    def _accuracy(self) -> dict[str, Any]:
        expected, came = dict.fromkeys(FIELDS, 0), dict.fromkeys(FIELDS, 0)
        for (_, name, its), n in self.fields.items():
            expected[name] = expected.get(name, 0) + n
            came[name] = came.get(name, 0) + its * n
        in_all, right = sum(expected.values()), sum(came.values())
        return {
            "expected_fields": in_all,
            "came_fields": right,
            "parse_accuracy": rate(right, in_all),
            "accuracy_ci95": rate_ci95(right, in_all),
            "fields": {
                name: {
                    "expected": count,
                    "came": came[name],
                    "accuracy": rate(came[name], count),
                    "ci95": rate_ci95(came[name], count),
                }
                for name, count in expected.items()
            },
        }


def _was_judged(step: StepRecord) -> bool:
    """Whether a rating was asked for; what could not be sent was not."""
    error = step.error
    return step.name == JUDGE_STEP and (error is None or not error.startswith(OWN_FAULT))


def _accuracy() -> Iterator[MetricName]:
    of = Section("inbox", Inbox.hears, "expected_fields", None).name
    yield of("expected_fields", COUNT, "fields that parsed messages were to give")
    yield of("came_fields", COUNT, "fields of them that the LLM read as expected")
    yield of(
        "parse_accuracy",
        RATE,
        "expected fields of parsed messages that came; higher is better",
        "accuracy_ci95",
        ranges=ACCURACY_RANGES,
        label="expected fields that came",
    )
    for name in FIELDS:
        of = Section(f"inbox.fields.{name}", Inbox.hears, "expected", None).name
        yield of("expected", COUNT, f"parsed messages with an expected {name}")
        yield of("came", COUNT, f"messages of them whose {name} came")
        yield of("accuracy", RATE, f"the same as a share, of {name}; higher is better", "ci95")
