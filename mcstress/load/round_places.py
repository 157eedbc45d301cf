"""Where seats begin their first round under a schedule: at evenly spread places.

In lockstep, one second of arrivals is all baseline and another all inbox. A trio begins together,
for its members wait for one another. What needs a baseline is left out of the part of a round that
comes first, so that nothing is measured without what it is compared with.
"""

from __future__ import annotations

from itertools import accumulate

from mcstress.metrics.phase import PHASES
from mcstress.users.appointments import events_of
from mcstress.users.run import Run


def events_of_a_trio(run: Run) -> dict[str, int]:
    """About how many events a trio has in each phase of a round."""
    scenario, variant = run.scenario, run.scenario.variants[0]
    return {
        phase: sum(events_of(scenario, variant, persona, phase) for persona in scenario.personas)
        for phase in run.phases
    }


def begins_with_a_part(run: Run) -> bool:
    """Whether the part of a round that seats begin with lacks phases that a whole one has."""
    return not run.mix and any(PHASES[phase].needs for phase in run.phases[1:])


def phases_from(run: Run, trio: int, trios: int) -> list[str]:
    """The phases of the first round of ``trio``, of 1 to ``trios``: all of it for the first."""
    events = events_of_a_trio(run)
    ends = list(accumulate(events.values()))
    place = (trio - 1) / trios * ends[-1] if 1 <= trio <= trios else 0
    if place <= 0:
        return list(run.phases)
    # The phase that begins nearest to the place; the first stands for a whole round.
    begins = [0, *ends[:-1]]
    first = min(range(len(begins)), key=lambda number: abs(begins[number] - place))
    left = [phase for phase in run.phases[first:] if not PHASES[phase].needs or not first]
    return left or list(run.phases)
