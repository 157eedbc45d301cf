"""How often workers hand over what they saw: by the second, less often where they are many."""

from __future__ import annotations

DELTAS_A_SECOND = 50.0
"""So many a master takes from all its workers: each costs it 0.3 to 1 ms, whatever is in it."""
EVERY_S = 1.0
MOST_EVERY_S = 10.0
EVENTS_A_SECOND = 1000
"""After so many it is handed over sooner: it takes a few ms then, in which no answer is read."""
MOST_EVENTS = 3000


def every_s(workers: int) -> float:
    """How often each of ``workers`` is to hand over, in seconds."""
    return min(max(EVERY_S, workers / DELTAS_A_SECOND), MOST_EVERY_S)


def is_due(passed_s: float, events: int, each_s: float) -> bool:
    """Whether a worker hands over now that it saw ``events`` in ``passed_s``."""
    return passed_s >= each_s or events >= min(EVENTS_A_SECOND * each_s, MOST_EVENTS)
