"""Notices that the wall clock was set during a run. No figure depends on it; readers of logs do."""

from __future__ import annotations

from mcstress.metrics.event import utc
from mcstress.services.steady_clock import CLOCK

LEAST_S = 1.0
"""NTP moves a clock by less without setting it."""
MOST_NAMED = 20


class ClockWatch:
    """``steps`` says in words when the clock was set, and by how much."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self._known_s = 0.0

    def look(self) -> None:
        """Compare the clocks; done about once a second."""
        step_s = CLOCK.step_s()
        moved_s = step_s - self._known_s
        if abs(moved_s) < LEAST_S:
            return
        self._known_s = step_s
        if len(self.steps) < MOST_NAMED:
            self.steps.append(f"by {moved_s:+,.0f} s at {utc(CLOCK.now_s()):%H:%M:%S} UTC")


def notices(steps: list[str], where: str) -> list[str]:
    """The same for the report."""
    return [
        f"The wall clock of {where} was set {step} (or the machine slept). Times and durations of "
        "this run are those of its clock at the start, carried on by the monotonic clock."
        for step in steps
    ]
