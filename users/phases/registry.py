"""The phases that coordinators walk through, by name: ours, and those of a user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from mcstress.metrics.phase import Phase, add_phase
from mcstress.users.coordinator import Coordinator

Task = Callable[[], object]
"""Makes one event. Between two tasks the user may think or be stopped."""


class Silent(partial[object]):
    """A task whose event asks nothing, for want of a partner's or an earlier event's answer."""


def asks_nothing(task: Task) -> bool:
    """Whether the task's event is there only to say why nothing was asked."""
    return isinstance(task, Silent)


PhaseFunction = Callable[[Coordinator], Iterator[Task]]
"""A phase: its tasks one by one.

It yields them rather than doing them itself: a user who waits, for an answer or for the next task,
then keeps neither the generator's frames on its stack nor the last event in its memory, which is
half of what ten thousand users take.
"""

PHASE_FUNCTIONS: dict[str, PhaseFunction] = {}


def phase(
    name: str,
    number: str,
    *,
    words: str = "",
    tag: str = "",
    needs: Iterable[str] = (),
) -> Callable[[PhaseFunction], PhaseFunction]:
    """Register a phase of one's own, at the end of the round: ``@phase("site_visit", "7")``.

    ``name`` is that of its events, options, checks and figures; ``number`` and ``words`` make the
    title of its traces, ``tag`` is its third tag (both the name unless told). ``needs`` are phases
    that are chosen with it. Every process of a run imports the locustfile, and so registers it.
    Raises ValueError for a name that is taken or a need that is unknown.
    """

    def register(function: PhaseFunction) -> PhaseFunction:
        spoken = words or name.replace("_", " ")
        add_phase(Phase(name, number, spoken, tag or name, tuple(needs)))
        PHASE_FUNCTIONS[name] = function
        return function

    return register
