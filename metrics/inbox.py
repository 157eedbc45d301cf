"""Inbox: what became of the messages, and how the judge rated the hits found for them.

Counts cover every message that was not cut off, whatever failed after it was accepted. Content of
the LLM that is not what was asked for is "unparseable", neither success nor failure. Rates are of
the messages that reached that step: parsed by those whose parse was asked for, rated by those whose
rating was; higher is better, rates and intervals over questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from math import fsum
from typing import Any

from mcstress.metrics.by_question import ByQuestion
from mcstress.metrics.event import DECLINED, OWN_FAULT, Event, StepRecord
from mcstress.metrics.metric import (
    COUNT,
    NO_QUESTION,
    NO_UNIT,
    NOT_MEASURED,
    RATE,
    RATING,
    FigureGroup,
    Metric,
    MetricName,
    PerQuestion,
    PlannedRound,
    Range,
    ResultContext,
    Seen,
)
from mcstress.metrics.rates import over_questions, rate
from mcstress.metrics.swap import SWAP_AND_INBOX
from mcstress.metrics.tally import Tally

FIELDS = ("role", "count", "location", "certs", "skills", "shift")
"""What the default scenario expects of a message; another one may name other fields."""
_FIELD = re.compile(r"inbox\.fields\.(?P<name>[a-z][a-z0-9_]*)\.(?:expected|came|accuracy)")
PARSED_RANGES = (
    Range(">=", 0.9, "healthy", "the LLM's answers can be used"),
    Range(">=", 0.0, "unusable", "too many answers of the LLM cannot be used"),
)
ACCURACY_RANGES = (
    Range(">=", 0.9, "healthy", "messages are understood"),
    Range(">=", 0.0, "misread", "the LLM reads something else in messages"),
)
RATING_RANGES = (
    Range(">=", 3.0, "healthy", "the top hit has the {role} that was asked for"),
    Range(">=", 1.0, "poor", "the top hit does not serve the message"),
)

RATINGS = (1, 2, 3, 4, 5)
NO_GROUND = (
    "the built-in rules know people by their role, and no message or no hit names one that they "
    "know; a language model (--llm-host) would rate them"
)
"""Why ratings are not measured where all were declined: 1 would say that the search is bad."""

RECORD_STEP, JUDGE_STEP = "observerd.inbox.record", "llm.judge_top1"


class Inbox(Metric):
    """``messages``: counts by what became of them. ``ratings``: by rating.

    By question: ``rated``, the sum of the ratings; ``parses`` and ``judged``, whether the LLM's
    answer could be used; ``read``, of the expected fields, how many came. ``fields``: expected
    fields by name, and whether they came (0 or 1).
    """

    key = section = "inbox"
    hears = ("inbox",)

    def __init__(self) -> None:
        self.messages: Tally[tuple[str]] = Tally()
        self.ratings: Tally[tuple[int]] = Tally()
        self.rated = ByQuestion()
        self.parses = ByQuestion()
        self.judged = ByQuestion()
        self.read = ByQuestion()
        self.fields: Tally[tuple[str, int]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        of = FigureGroup("inbox", cls.hears, "messages").name
        yield of("messages", COUNT, "emails and SMS that came, but for those cut off")
        yield of("planned", COUNT, "messages that came or were planned")
        yield of(
            "refused",
            COUNT,
            "messages of more than 8 KiB that the service refused, as it has to",
            label="too large, refused",
        )
        accepted, parsed = (
            "messages that the service took",
            "messages that the LLM made a demand of",
        )
        yield of("accepted", COUNT, accepted, label="messages accepted", table=SWAP_AND_INBOX,
                 row="messages accepted", counts=("accepted", "planned"))  # fmt: skip
        yield of("parsed", COUNT, parsed, label="demands parsed")
        unparseable = "messages whose parse was not what was asked for"
        yield of("unparseable", COUNT, unparseable, label="unparseable")
        yield of("parse_failed", COUNT, "messages whose parse failed")
        yield of("parses", COUNT, "messages whose parse was asked for")
        yield of("parse_questions", COUNT, "different messages among them")
        yield of(
            "parsed_rate",
            RATE,
            "messages that the LLM made a demand of, by those it was asked for; higher is better",
            "parsed_ci95",
            "parses",
            questions="inbox.parse_questions",
            ranges=PARSED_RANGES,
            label="demands parsed, of those asked for",
            table=SWAP_AND_INBOX,
            row="demands parsed",
            counts=("parsed", "parses"),
        )
        yield from _accuracy()
        for rating in RATINGS:
            yield of(f"ratings.{rating}", COUNT, f"messages whose top hit was rated {rating}")
        yield of("rated", COUNT, "messages whose top hit was rated")
        yield of("questions", COUNT, "different messages among them")
        judged = FigureGroup("inbox", cls.hears, "judged", None, "judged_questions").name
        yield judged("judged", COUNT, "messages whose rating was asked for")
        yield judged("judged_questions", COUNT, "different messages among them")
        yield judged(
            "rated_rate",
            RATE,
            "messages whose top hit was rated, by those whose rating was asked for; higher is "
            "better",
            "rated_ci95",
            ranges=PARSED_RANGES,
            label="hits rated, of those asked for",
            table=SWAP_AND_INBOX,
            row="hits rated",
            counts=("rated", "judged"),
        )
        yield of(
            "mean_rating",
            RATING,
            "mean rating of the top hit; higher is better",
            samples="rated",
            questions="inbox.questions",
            ranges=RATING_RANGES,
            label="judge's mean rating, 1 to 5",
            table=SWAP_AND_INBOX,
            row="judge's mean rating, 1 to 5",
            better="higher",
            span=float(RATINGS[-1] - RATINGS[0]),
        )
        yield of("unrated", COUNT, "messages accepted and never rated", label="not rated")
        yield of("unparseable_ratings", COUNT, "ratings that were not what was asked for")
        yield of("declined", COUNT, "hits that rules in place of an LLM had no means to rate")

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
            self.fields[name, int(came)] += 1
            self.read.add(seen.unit, seen.question, int(came))
        if event.rating is not None or any(map(_was_judged, event.steps)):
            self.judged.add(seen.unit, seen.question, int(event.rating is not None))
        if event.refused:
            messages[("refused",)] += 1
        elif RECORD_STEP in answered:
            messages[("accepted",)] += 1
        if event.parse_status:
            messages[(event.parse_status,)] += 1
            self.parses.add(seen.unit, seen.question, int(event.parse_status == "parsed"))
        if event.rating is not None:
            self.ratings[(event.rating,)] += 1
            self.rated.add(seen.unit, seen.question, event.rating)
            seen.examples.add_rating(event)
            if seen.say is not None and seen.hits is not None:
                seen.say(event, "judge_rating", float(event.rating))
        elif JUDGE_STEP in answered:
            is_declined = any(map(_declined, event.steps))
            messages[("declined" if is_declined else "unparseable_rating",)] += 1

    def per_question(self) -> PerQuestion:
        """Ratings by question."""
        return {"inbox.mean_rating": self.rated.sums()}

    def restore(self, state: Any) -> None:
        """Add what ``state()`` gave; older versions had ratings without their question."""
        super().restore(state)
        if "ratings" in state and "rated" not in state:
            for rating, n in state["ratings"]:
                for _ in range(n):
                    self.rated.add(NO_UNIT, NO_QUESTION, rating)

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The figure's section. ``unrated``: messages accepted and never rated, for any reason."""
        ratings = {str(rating): 0 for rating in RATINGS}
        for (rating,), n in self.ratings.items():
            ratings[str(rating)] = ratings.get(str(rating), 0) + n
        rated, means = self.ratings.total(), [mean for _, mean in self.rated.means()]
        accepted = self.messages[("accepted",)]
        messages = self.messages[("attempted",)]
        return {
            "messages": messages,
            "planned": max(context.planned.get("inbox", 0), messages),
            "refused": self.messages[("refused",)],
            "accepted": accepted,
            "parsed": self.messages[("parsed",)],
            "unparseable": self.messages[("unparseable",)],
            "parse_failed": self.messages[("failed",)],
            "parses": self.parses.samples,
            "parse_questions": len(self.parses),
            **over_questions(self.parses, 0, "parsed_rate", "parsed_ci95"),
            **self._accuracy(),
            "ratings": ratings,
            "rated": rated,
            "questions": len(means),
            "judged": self.judged.samples,
            "judged_questions": len(self.judged),
            **self._rated_rate(),
            "mean_rating": fsum(means) / len(means) if means else None,
            "unrated": max(accepted - rated, 0),
            "unparseable_ratings": self.messages[("unparseable_rating",)],
            "declined": self.messages[("declined",)],
        }

    def _rated_rate(self) -> dict[str, Any]:
        """The share of ratings that came; not measured where the judge had nothing to go by.

        Where it could rate some, those that it could not are hits that it was asked for in vain.
        """
        declined = self.messages[("declined",)]
        if declined and declined == self.judged.samples:
            keys = ("rated_rate", "rated_ci95", "rated_ci95_label")
            return {**dict.fromkeys(keys), NOT_MEASURED: NO_GROUND}
        told = over_questions(self.judged, 0, "rated_rate", "rated_ci95")
        return {**told, NOT_MEASURED: None}

    def _accuracy(self) -> dict[str, Any]:
        # Those of another scenario: of the default's none stays at 0.
        known = FIELDS if {name for name, _ in self.fields} <= set(FIELDS) else ()
        expected, came = dict.fromkeys(known, 0), dict.fromkeys(known, 0)
        for (name, its), n in self.fields.items():
            expected[name] = expected.get(name, 0) + n
            came[name] = came.get(name, 0) + its * n
        return {
            "expected_fields": sum(expected.values()),
            "expected_questions": len(self.read),
            "came_fields": sum(came.values()),
            **over_questions(self.read, 0, "parse_accuracy", "accuracy_ci95"),
            "fields": {
                name: {
                    "expected": count,
                    "came": came[name],
                    "accuracy": rate(came[name], count),
                }
                for name, count in expected.items()
            },
        }


def _declined(step: StepRecord) -> bool:
    return step.name == JUDGE_STEP and (step.unparseable or "").startswith(DECLINED)


def _was_judged(step: StepRecord) -> bool:
    """Whether a rating was asked for; what could not be sent was not."""
    error = step.error
    return step.name == JUDGE_STEP and (error is None or not error.startswith(OWN_FAULT))


def _accuracy() -> Iterator[MetricName]:
    of = FigureGroup("inbox", Inbox.hears, "expected_fields", None, "expected_questions").name
    yield of("expected_fields", COUNT, "fields that parsed messages were to give")
    yield of("expected_questions", COUNT, "different messages with such fields")
    yield of("came_fields", COUNT, "fields of them that the LLM read as expected")
    yield of(
        "parse_accuracy",
        RATE,
        "expected fields of parsed messages that came; higher is better",
        "accuracy_ci95",
        ranges=ACCURACY_RANGES,
        label="expected fields that came",
        table=SWAP_AND_INBOX,
        row="expected fields that came",
        counts=("came_fields", "expected_fields"),
    )
    for name in FIELDS:
        yield from _of_field(name)


def _of_field(name: str) -> Iterator[MetricName]:
    of = FigureGroup(f"inbox.fields.{name}", Inbox.hears, "expected", None).name
    yield of("expected", COUNT, f"parsed messages with an expected {name}")
    yield of("came", COUNT, f"messages of them whose {name} came")
    yield of("accuracy", RATE, f"the same as a share, of {name}; higher is better")


@cache
def field_figure(name: str) -> MetricName | None:
    """The figure of a field that a scenario's messages are read for; None: it is no such name."""
    found = _FIELD.fullmatch(name)
    its = _of_field(found["name"]) if found else ()
    return next((one for one in its if one.name == name), None)
