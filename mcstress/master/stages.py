"""Where a run stands on its master, and where each of its workers does: one table for each.

A change that is not in its table is a defect of ours, and raises. What a worker says is no such
change: whoever listens looks first whether it can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import TypeVar


class RunStage(IntEnum):
    """In the order in which a run goes through them."""

    SPAWNING = 1
    """Users are on their way to their seats, or are asked for again."""
    RUNNING = 2
    """Everybody is there, or no more will come."""
    STOPPING = 3
    """Its end is decided: nobody gets a seat or joins any more."""
    DRAINING = 4
    """Workers stop their users and hand over; the end is in one greenlet's hands."""
    REPORTING = 5
    """Nothing more is taken; figures, checks and report are made."""
    OVER = 6
    """Its workers are let go, and the next run may begin."""


class WorkerStage(IntEnum):
    """In the order in which a worker goes through them, but for one that is missed for a while."""

    HERE = 1
    """It takes part."""
    LOST = 2
    """Locust misses it, and nothing was heard of it. It may come back until the drain is over."""
    HANDED_OVER = 3
    """It said that this was all: its totals are known."""
    COLLECTED = 4
    """Its evidence was seen to: in place, or fetched as far as it came."""
    TRACED = 5
    """It said what became of its observations."""


RUN_CHANGES: Mapping[RunStage, frozenset[RunStage]] = {
    RunStage.SPAWNING: frozenset(
        {RunStage.RUNNING, RunStage.STOPPING, RunStage.DRAINING, RunStage.OVER}
    ),
    RunStage.RUNNING: frozenset(
        {RunStage.SPAWNING, RunStage.STOPPING, RunStage.DRAINING, RunStage.OVER}
    ),
    RunStage.STOPPING: frozenset({RunStage.DRAINING, RunStage.OVER}),
    RunStage.DRAINING: frozenset({RunStage.REPORTING, RunStage.OVER}),
    RunStage.REPORTING: frozenset({RunStage.OVER}),
    RunStage.OVER: frozenset(),
}

WORKER_CHANGES: Mapping[WorkerStage, frozenset[WorkerStage]] = {
    WorkerStage.HERE: frozenset({WorkerStage.LOST, WorkerStage.HANDED_OVER}),
    WorkerStage.LOST: frozenset({WorkerStage.HERE}),
    WorkerStage.HANDED_OVER: frozenset({WorkerStage.COLLECTED}),
    WorkerStage.COLLECTED: frozenset({WorkerStage.TRACED}),
    WorkerStage.TRACED: frozenset(),
}

StageEnum = TypeVar("StageEnum", bound=IntEnum)


class WrongChangeError(Exception):
    """A run or a worker was to go where it cannot go from where it stands."""


def changed(
    whose: str, now: StageEnum, to: StageEnum, allowed: Mapping[StageEnum, frozenset[StageEnum]]
) -> StageEnum:
    """The stage ``to``; raises WrongChangeError where it is not ``allowed`` after ``now``."""
    if to not in allowed[now]:
        expected = ", ".join(each.name for each in sorted(allowed[now])) or "no change any more"
        raise WrongChangeError(f"{whose} is {now.name}: found {to.name}, expected {expected}")
    return to
