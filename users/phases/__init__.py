"""The ten phases of a round, one file each but for the two of the handover."""

from __future__ import annotations

from mcstress.users.phases.baseline import baseline
from mcstress.users.phases.fresh_resume import fresh_resume
from mcstress.users.phases.handover import handover, handover_paraphrase
from mcstress.users.phases.inbox import inbox
from mcstress.users.phases.merge import merge
from mcstress.users.phases.registry import (
    PHASE_FUNCTIONS,
    PhaseFunction,
    Task,
    asks_nothing,
    phase,
)
from mcstress.users.phases.reissue import reissue
from mcstress.users.phases.split import split
from mcstress.users.phases.surge import surge
from mcstress.users.phases.swap import swap

__all__ = ["PHASE_FUNCTIONS", "PhaseFunction", "Task", "asks_nothing", "phase"]

PHASE_FUNCTIONS |= {
    "baseline": baseline,
    "fresh_resume": fresh_resume,
    "inbox": inbox,
    "surge": surge,
    "swap": swap,
    "merge": merge,
    "handover": handover,
    "handover_paraphrase": handover_paraphrase,
    "split": split,
    "reissue": reissue,
}
