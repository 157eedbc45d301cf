"""Handover: a colleague finds what was learnt.

Bob asks alice's queries with her memory and, as a control, without. Rates: Wilson, higher is
better. Lift: hits at top-1 with memory only less those with control only, by pairs; its interval
Bonett and Price's, from 5 trios on joined with the jackknife over trios; its test McNemar's exact
one (STATISTICS.md, "Handover"). A rate counts every query of its own arm that succeeded; lift
needs both arms of a query.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcstress.metrics.intervals import bonett_price, mcnemar_p, over_trios
from mcstress.metrics.rates import ABSENT, LISTED, TOP1, rate, rate_ci95
from mcstress.metrics.tally import Accumulator, Tally

VERBATIM, PARAPHRASE = "verbatim", "paraphrase"
KINDS = {"handover": VERBATIM, "handover_paraphrase": PARAPHRASE}
"""The kind of handover that each phase asks."""

Pairs = dict[tuple[int, int], dict[int, int]]
"""Counts by (place in memory's list, place in control's list) and trio's unit."""


class Handover(Accumulator):
    """``arms``: kind, arm, place. ``pairs``: kind, unit, place with memory, place in the control.

    ``attempted``: kind, arm, of queries that were not cut off. ``reported``: what the service says
    it boosted and injected in the memory arm, by kind and word.
    """

    def __init__(self) -> None:
        self.arms: Tally[tuple[str, str, int]] = Tally()
        self.pairs: Tally[tuple[str, int, int, int]] = Tally()
        self.attempted: Tally[tuple[str, str]] = Tally()
        self.reported: Tally[tuple[str, str]] = Tally()

    def result(self, planned: Mapping[str, int]) -> dict[str, Any]:
        """Both kinds; ``planned`` by figure is the least that was planned."""
        return {
            kind: self._kind(kind, planned.get(f"handover.{kind}", 0)) for kind in KINDS.values()
        }

    def _kind(self, kind: str, planned: int) -> dict[str, Any]:
        # Where the end of the run comes between the two arms of a query, that pair was cut.
        attempted = min(self.attempted[kind, "memory"], self.attempted[kind, "control"])
        return {
            **self._arm(kind, "memory", ""),
            "planned": max(planned, attempted),
            **self._arm(kind, "control", "control_"),
            **self._lift(kind),
            "reported_boosted": self.reported[kind, "boosted"],
            "reported_injected": self.reported[kind, "injected"],
        }

    def _arm(self, kind: str, arm: str, prefix: str) -> dict[str, Any]:
        top1, listed, absent = (self.arms[kind, arm, at] for at in (TOP1, LISTED, ABSENT))
        queries, top_k = top1 + listed + absent, top1 + listed
        return {
            f"{prefix}queries": queries,
            f"{prefix}top1": top1,
            f"{prefix}top_k": top_k,
            f"{prefix}top1_rate": rate(top1, queries),
            f"{prefix}ci95": rate_ci95(top1, queries),
            f"{prefix}top_k_rate": rate(top_k, queries),
            f"{prefix}top_k_ci95": rate_ci95(top_k, queries),
        }

    def _lift(self, kind: str) -> dict[str, Any]:
        table: Tally[tuple[int, int]] = Tally()
        trios: dict[int, tuple[float, int]] = {}
        for (its_kind, unit, memory, control), n in sorted(self.pairs.items()):
            if its_kind == kind:
                table[memory, control] += n
                gain = ((memory == TOP1) - (control == TOP1)) * n
                gained, pairs = trios.get(unit, (0.0, 0))
                trios[unit] = (gained + gain, pairs + n)
        both = table[TOP1, TOP1]
        memory_only = table[TOP1, LISTED] + table[TOP1, ABSENT]
        control_only = table[LISTED, TOP1] + table[ABSENT, TOP1]
        counts = {
            "pairs": table.total(),
            "both": both,
            "memory_only": memory_only,
            "control_only": control_only,
            "neither": table.total() - both - memory_only - control_only,
            "by_boost": both + table[TOP1, LISTED],
            "by_injection": table[TOP1, ABSENT],
            "trios": len(trios),
        }
        return _tested(memory_only, control_only, list(trios.values())) | counts


def _tested(memory_only: int, control_only: int, trios: list[tuple[float, int]]) -> dict[str, Any]:
    """Lift with its interval and test, from the pairs in which the arms differ."""
    pairs = sum(n for _, n in trios)
    if not pairs:
        return dict.fromkeys(("lift", "lift_ci95", "lift_ci95_label", "mcnemar_p"))
    ci95, label = over_trios(bonett_price(memory_only, control_only, pairs), trios, lowest=-1.0)
    return {
        "lift": (memory_only - control_only) / pairs,
        "lift_ci95": list(ci95),
        "lift_ci95_label": label,
        "mcnemar_p": mcnemar_p(memory_only, control_only),
    }
