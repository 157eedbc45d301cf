"""What a run adds to a corpus that is searched, and what of a later list came since a baseline.

Where new resumes go into one of the scenario's corpora, the same query may rightly get another list
later: it is judged on what was there before. Each id says when it was added, so that every process
can tell, without asking the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mcstress.metrics.event import Hit, Inserts

if TYPE_CHECKING:
    from mcstress.users.coordinator import Coordinator
    from mcstress.users.run import Run

MS = 1000
BETWEEN = "-t"
"""Before the Unix time in ms, at the end of an id."""


def reaches_searches(run: Run) -> bool:
    """Whether new resumes go into a corpus that all search."""
    return run.scenario.fresh_corpus in run.scenario.corpora


def resume_id(coordinator: Coordinator, number: int, now_s: float) -> str:
    """The id of the coordinator's new resume of that number in its round."""
    named = f"{coordinator.run.fresh_prefix}{coordinator.name}-{coordinator.occasion}-{number}"
    return f"{named}{BETWEEN}{int(now_s * MS)}" if reaches_searches(coordinator.run) else named


def inserts_since(run: Run, hits: Sequence[Hit], since_s: float) -> Inserts:
    """The ids among ``hits`` that this run added after ``since_s``."""
    corpus = run.scenario.fresh_corpus
    since_ms = int(since_s * MS)
    return Inserts(
        corpus,
        [hit.id for hit in hits if hit.corpus == corpus and _added_ms(run, hit.id) > since_ms],
    )


def _added_ms(run: Run, id_: str) -> int:
    """When an id of this run was added; 0 for others."""
    named, between, added = id_.rpartition(BETWEEN)
    is_ours = between and named.startswith(run.fresh_prefix) and added.isdecimal()
    return int(added) if is_ours else 0
