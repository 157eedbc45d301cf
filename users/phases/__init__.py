"""The ten phases of a round, one file each but for the two of the handover."""

from __future__ import annotations

from users.phases.baseline import baseline
from users.phases.deed import Deed, Walk
from users.phases.fresh_resume import fresh_resume
from users.phases.handover import handover, handover_paraphrase
from users.phases.inbox import inbox
from users.phases.merge import merge
from users.phases.reissue import reissue
from users.phases.split import split
from users.phases.surge import surge
from users.phases.swap import swap

__all__ = ["WALKS", "Deed", "Walk"]

WALKS: dict[str, Walk] = {
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
