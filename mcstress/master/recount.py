"""Figures counted again from what lies on disk: the same as were live."""

from __future__ import annotations

from collections import Counter

from mcstress.evidence.store.history import RunFile, events_as_made
from mcstress.metrics.figures import Figures


def recount(run: RunFile, figures: Figures) -> Counter[str]:
    """Add all that the run's files hold to ``figures``; how many events they hold, by worker.

    Where evidence was sampled, the metrics' own state, which saw every event, stands in the files
    beside the sample, and the sample itself is not counted a second time. Events are counted in
    the order in which they were made: a clock that was set back would tear pairs apart.
    """
    states = 0
    for state in run.states():
        figures.merge(Figures.from_state(state))
        states += 1
    events: Counter[str] = Counter()
    for event in events_as_made(run):
        events[event.worker] += 1
        if not states:
            figures.add(event)
    return events
