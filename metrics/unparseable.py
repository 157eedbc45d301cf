"""Answers of the LLM that could not be used: how many, and why. Lower is better; interval Wilson's.

The service answered, but not what was asked for: neither a success nor a failed step. The reason
is counted like that of a failed step, by step and in the same words each time.
"""

from __future__ import annotations

from typing import Any

from mcstress.metrics.errors import Reasons
from mcstress.metrics.event import Event, StepRecord
from mcstress.metrics.histogram import Histograms
from mcstress.metrics.rates import rate, rate_ci95
from mcstress.metrics.tally import Accumulator, Tally

PARSE_STEP, JUDGE_STEP, PARAPHRASE_STEP = "llm.parse_demand", "llm.judge_top1", "llm.paraphrase"
LLM_STEPS = frozenset({PARSE_STEP, JUDGE_STEP, PARAPHRASE_STEP})
NOT_KEPT = "the reason was not kept by the version that made the event"


class Unparseable(Accumulator):
    """``reasons``: unparseable answers by step and reason. ``counted``: all of them, by step."""

    def __init__(self) -> None:
        self.counted: Tally[tuple[str]] = Tally()
        self.reasons = Reasons()

    def add(self, event: Event, step: StepRecord) -> None:
        """Count a step of the LLM that answered, if its answer could not be used."""
        reason = step.unparseable or _of_older_version(event, step)
        if reason is not None:
            self.counted[(step.name,)] += 1
            self.reasons.add(step.name, reason)

    def result(self, latencies: Histograms, failed: Tally[tuple[str]]) -> dict[str, Any]:
        """The section; ``latencies`` count all steps, ``failed`` those that had no answer."""
        answers = sum(
            latencies[name].count - failed[(name,)] for name in LLM_STEPS if name in latencies
        )
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
