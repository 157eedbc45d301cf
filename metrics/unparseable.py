"""Answers of the LLM that could not be used: how many, and why. Lower is better; interval Wilson's.

The service answered, but not what was asked for: neither a success nor a failed step. The reason
is counted like that of a failed step, by step and in the same words each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcstress.metrics.errors import Reasons
from mcstress.metrics.event import Event, StepRecord
from mcstress.metrics.metric import COUNT, RATE, FigureGroup, Metric, MetricName, ResultContext
from mcstress.metrics.rates import rate, rate_ci95
from mcstress.metrics.tally import Tally

PARSE_STEP, JUDGE_STEP, PARAPHRASE_STEP = "llm.parse_demand", "llm.judge_top1", "llm.paraphrase"
LLM_STEPS = frozenset({PARSE_STEP, JUDGE_STEP, PARAPHRASE_STEP})
NOT_KEPT = "the reason was not kept by the version that made the event"


class Unparseable(Metric):
    """``reasons``: unparseable answers by step and reason. ``counted``: all of them, by step.

    ``SecondBucket`` feeds it, step by step.
    """

    key, section = "unparseable", "llm"

    def __init__(self) -> None:
        self.counted: Tally[tuple[str]] = Tally()
        self.reasons = Reasons()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        of = FigureGroup("llm", ("inbox", "handover_paraphrase"), "answers", None).name
        yield of("answers", COUNT, "LLM steps that the service answered")
        yield of("unparseable", COUNT, "answers of the LLM that could not be used")
        meaning = "answers of the LLM that could not be used, by all of them; lower is better"
        yield of("unparseable_rate", RATE, meaning, "ci95")

    def add_step(self, event: Event, step: StepRecord) -> None:
        """Count a step of the LLM that answered, if its answer could not be used."""
        reason = step.unparseable or _of_older_version(event, step)
        if reason is not None:
            self.counted[(step.name,)] += 1
            self.reasons.add(step.name, reason)

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The section; what failed had no answer."""
        steps, failed = context.steps, context.failed
        answers = sum(steps[name].count - failed[(name,)] for name in LLM_STEPS if name in steps)
        unparseable = self.counted.total()
        return {
            "answers": answers,
            "unparseable": unparseable,
            "unparseable_rate": rate(unparseable, answers),
            "ci95": rate_ci95(unparseable, answers),
            "by_reason": self.reasons.rows(unparseable),
        }


def _of_older_version(event: Event, step: StepRecord) -> str | None:
    """Events of older versions say only what became of the message."""
    if event.outcome == "cut":
        return None
    is_parse = step.name != JUDGE_STEP and event.parse_status == "unparseable"
    is_rating = step.name == JUDGE_STEP and event.rating is None
    return NOT_KEPT if is_parse or is_rating else None
