"""Faults in what was measured: counted, shown, and never quietly mended."""

from __future__ import annotations

from mcstress.metrics.tally import Tally

UNSENT_STEPS = "unsent_steps"

FAULTS = {
    "repeated_ids": "lists that held a hit (corpus and id) twice: refused, or counted once",
    "short_lists": "lists that held fewer than K, though something was found",
    "nothing_found": "searches that succeeded and found nothing",
    "nothing_expected": "handovers and new resumes that did not say which hit should come back",
    "repeated_lists": "baseline lists of a trio, round and cell that had one already: not counted",
    "late_lists": "baseline lists that came after others of their round were given up",
    "changed_corpora_pairs": "reissues whose corpora changed since the baseline, counted apart",
    UNSENT_STEPS: "steps that the load generator could not send, for want of open files, ports or "
    "memory: no failure of a service, and no check can pass",
}
"""The kinds and what they mean."""

Faults = Tally[tuple[str]]
