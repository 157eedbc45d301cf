"""Inbox: what became of the messages, and how the judge rated the workers found for them.

Counts cover every message that was not cut off, whatever failed after it was accepted. Content of
the LLM that is not what was asked for is "unparseable", neither success nor failure.
"""

from __future__ import annotations

from typing import Any

from mcstress.metrics.event import Event
from mcstress.metrics.tally import Accumulator, Tally

RATINGS = (1, 2, 3, 4, 5)
RECORD_STEP, JUDGE_STEP = "observerd.inbox.record", "llm.judge_top1"


class Inbox(Accumulator):
    """``messages``: counts by what became of them. ``ratings``: messages by rating."""

    def __init__(self) -> None:
        self.messages: Tally[tuple[str]] = Tally()
        self.ratings: Tally[tuple[int]] = Tally()

    def add(self, event: Event) -> None:
        """Count an inbox event that was not cut off."""
        messages = self.messages
        messages[("attempted",)] += 1
        answered = {step.name for step in event.steps if step.error is None}
        if RECORD_STEP in answered:
            messages[("accepted",)] += 1
        if event.parse_status:
            messages[(event.parse_status,)] += 1
        if event.rating is not None:
            self.ratings[(event.rating,)] += 1
        elif JUDGE_STEP in answered:
            messages[("unparseable_rating",)] += 1

    def result(self, planned: int = 0) -> dict[str, Any]:
        """The figure's section. ``unrated``: messages accepted and never rated, for any reason."""
        ratings = {str(rating): self.ratings[(rating,)] for rating in RATINGS}
        rated = self.ratings.total()
        accepted = self.messages[("accepted",)]
        messages = self.messages[("attempted",)]
        return {
            "messages": messages,
            "planned": max(planned, messages),
            "accepted": accepted,
            "parsed": self.messages[("parsed",)],
            "unparseable": self.messages[("unparseable",)],
            "parse_failed": self.messages[("failed",)],
            "ratings": ratings,
            "rated": rated,
            "mean_rating": sum(r * n for (r,), n in self.ratings.items()) / rated
            if rated
            else None,
            "unrated": max(accepted - rated, 0),
            "unparseable_ratings": self.messages[("unparseable_rating",)],
        }
