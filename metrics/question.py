"""Questions: what counts as one witness, for what is asked again in the same words is no new one.

A report's unit is the trio: those of one variant ask the same and count as one. A comparison pairs
two runs by ``Question``: variant or trio, persona, contract, role, and which message it was.
"""

from __future__ import annotations

from typing import NamedTuple

from mcstress.metrics.event import Event


class Question(NamedTuple):
    """What was asked, whatever the round; ``message`` is -1 where it is none of the inbox."""

    unit: int
    persona: str
    contract: str
    role: str
    message: int = -1


def unit_of(event: Event) -> int:
    """The trio's unit of an event: trios of one variant ask the same questions."""
    return event.trio if event.variant is None else event.variant


def persona_of(event: Event) -> str:
    """``alice`` of ``alice-2``: the trio's number is no part of what was asked."""
    return event.coordinator.rpartition("-")[0] if event.trio > 1 else event.coordinator


class Questions:
    """The question of each event, which come in the order in which a coordinator made them.

    Messages bear no number: they are counted, so that every message has to be there.
    """

    def __init__(self) -> None:
        self._messages: dict[tuple[int, str], tuple[int, int]] = {}

    def __call__(self, event: Event) -> Question:
        """The question of ``event``, asked once for each."""
        message = -1
        if event.phase == "inbox":
            key = (event.trio, event.coordinator)
            round_, last = self._messages.get(key, (event.round, -1))
            message = last + 1 if round_ == event.round else 0
            self._messages[key] = (event.round, message)
        return Question(unit_of(event), persona_of(event), *event.cell, message)
