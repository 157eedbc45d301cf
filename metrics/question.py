"""Questions: what counts as one witness, for what is asked again in the same words is no new one.

Each event carries the scenario's own key of what it asks, set before anything is sent: phase,
variant, contract (or persona, for messages and resumes) and number of the demand, message or
resume, as in ``reissue/3/alpha/2``. A paraphrase's has the number of the wording too, or, where an
LLM made the words, their hash. Both arms of a handover, and both ends of a swap, have one key.
"""

from __future__ import annotations

from mcstress.metrics.event import Event, question_key, worded


def unit_of(event: Event) -> int:
    """The trio's unit of an event: trios of one variant ask the same questions."""
    return event.trio if event.variant is None else event.variant


def persona_of(event: Event) -> str:
    """``alice`` of ``alice-2``: the trio's number is no part of what was asked."""
    return event.coordinator.rpartition("-")[0] if event.trio > 1 else event.coordinator


class Questions:
    """The question of each event; of events of older versions, which have none, it is made.

    Their resumes, messages and demands are counted as they come, in the order in which a
    coordinator made them: every one of a coordinator's round has to be there.
    """

    def __init__(self) -> None:
        self._counted: dict[tuple[int, str, str], tuple[int, int]] = {}
        self._demands: dict[tuple[int, str, str], dict[str, int]] = {}

    def __call__(self, event: Event) -> str:
        """The question of ``event``, asked once for each."""
        return event.question or self._made(event)

    def _made(self, event: Event) -> str:
        unit, phase = unit_of(event), event.phase
        if event.contract is None or event.role is None or phase == "inbox":
            return question_key(phase, unit, persona_of(event), self._number(event))
        demands = self._demands.setdefault((unit, phase, event.contract), {})
        number = demands.setdefault(event.role, len(demands) + 1)
        key = question_key(phase, unit, event.contract, number)
        return worded(key, event.query or "") if phase == "handover_paraphrase" else key

    def _number(self, event: Event) -> int:
        """The how manieth of its phase the event is in its coordinator's round."""
        seat = (event.trio, event.coordinator, event.phase)
        round_, last = self._counted.get(seat, (event.round, 0))
        number = last + 1 if round_ == event.round else 1
        self._counted[seat] = (event.round, number)
        return number
