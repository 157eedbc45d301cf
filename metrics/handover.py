"""Handover: a colleague finds what was learnt.

Bob asks alice's queries with her memory and, as a control, without. Rates: Wilson, higher is
better. Lift: hits at top-1 with memory only less those with control only, by pairs; its interval
Bonett and Price's, from 5 trios on joined with the jackknife over trios; its test McNemar's exact
one (STATISTICS.md, "Handover"). A rate counts every query of its own arm that succeeded; lift
needs both arms of a query.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from mcstress.metrics.event import Event
from mcstress.metrics.intervals import bonett_price, mcnemar_p, over_trios
from mcstress.metrics.metric import (
    COUNT,
    RATE,
    Metric,
    MetricName,
    PerQuestion,
    PlannedRound,
    Range,
    ResultContext,
    Section,
    Seen,
    Unit,
    question_means,
)
from mcstress.metrics.rates import ABSENT, LISTED, TOP1, rate, rate_ci95
from mcstress.metrics.tally import Tally

VERBATIM, PARAPHRASE = "verbatim", "paraphrase"
KINDS = {"handover": VERBATIM, "handover_paraphrase": PARAPHRASE}
"""The kind of handover that each phase asks."""
ARMS = ("memory", "control")

RANGES = {
    VERBATIM: (
        Range(">=", 0.95, "healthy", "a colleague finds what was learnt"),
        Range(">=", 0.0, "low", "what was learnt does not always reach a colleague"),
    ),
    PARAPHRASE: (
        Range(">=", 0.5, "healthy", "what was learnt is found in other words too"),
        Range(">=", 0.0, "low", "what was learnt is found in its own words only"),
    ),
}
Arms = Tally[tuple[str, str, int]]
"""Queries by kind, arm, place."""
LABELS = {VERBATIM: "her words", PARAPHRASE: "other words"}


class Handover(Metric):
    """``arms``: unit, kind, arm, place. ``pairs``: kind, unit, place with memory, in the control.

    ``attempted``: kind, arm, of queries that were not cut off. ``reported``: what the service says
    it boosted and injected in the memory arm, by kind and word.
    """

    key = section = "handover"
    hears = tuple(KINDS)
    rows_without_unit: ClassVar[Mapping[str, int]] = {"arms": 4}

    def __init__(self) -> None:
        self.arms: Tally[tuple[Unit, str, str, int]] = Tally()
        self.pairs: Tally[tuple[str, Unit, int, int]] = Tally()
        self.attempted: Tally[tuple[str, str]] = Tally()
        self.reported: Tally[tuple[str, str]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of both kinds."""
        for phase, kind in KINDS.items():
            yield from _names(kind, phase)

    @classmethod
    def planned(cls, one_round: PlannedRound) -> Mapping[str, int]:
        """Every query of a colleague, in either arm."""
        return {f"handover.{kind}": one_round.asked.get(phase, 0) for phase, kind in KINDS.items()}

    def add(self, event: Event, seen: Seen) -> None:
        """Count a query of one arm."""
        kind, arm, at = KINDS[event.phase], event.arm, seen.place
        if arm is None:
            for one in ARMS:
                self.attempted[kind, one] += 1
            return
        self.attempted[kind, arm] += 1
        if at is None:
            if seen.hits is not None:
                seen.faults[("nothing_expected",)] += 1
            return
        self.arms[seen.question, kind, arm, at] += 1
        seen.handover[arm, int(at == TOP1)] += 1
        if arm == "control":
            if seen.before is not None:
                self.pairs[kind, seen.unit_of(event), seen.before.place or 0, at] += 1
            return
        if seen.say is not None:
            seen.say(event, "handover_top1", at == TOP1)
            seen.say(event, "handover_top_k", at != ABSENT)
        if event.boosted:
            self.reported[kind, "boosted"] += event.boosted
        if event.injected:
            self.reported[kind, "injected"] += event.injected

    def per_question(self) -> PerQuestion:
        """Whether the answer was at top-1 with the memory, by unit."""
        return {
            f"handover.{kind}.top1_rate": question_means(
                (unit, float(at == TOP1), n)
                for (unit, its_kind, arm, at), n in self.arms.items()
                if (its_kind, arm) == (kind, "memory")
            )
            for kind in KINDS.values()
        }

    def result(self, context: ResultContext) -> dict[str, Any]:
        """Both kinds."""
        arms: Arms = Tally()
        for (_, *arm), n in self.arms.items():
            arms[tuple(arm)] += n  # type: ignore[index]  # a key without its unit
        planned = context.planned
        return {
            kind: self._kind(kind, arms, planned.get(f"handover.{kind}", 0))
            for kind in KINDS.values()
        }

    def _kind(self, kind: str, arms: Arms, planned: int) -> dict[str, Any]:
        # Where the end of the run comes between the two arms of a query, that pair was cut.
        attempted = min(self.attempted[kind, "memory"], self.attempted[kind, "control"])
        return {
            **_arm(arms, kind, "memory", ""),
            "planned": max(planned, attempted),
            **_arm(arms, kind, "control", "control_"),
            **self._lift(kind),
            "reported_boosted": self.reported[kind, "boosted"],
            "reported_injected": self.reported[kind, "injected"],
        }

    def _lift(self, kind: str) -> dict[str, Any]:
        table: Tally[tuple[int, int]] = Tally()
        trios: dict[Unit, tuple[float, int]] = {}
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


def _arm(arms: Arms, kind: str, arm: str, prefix: str) -> dict[str, Any]:
    top1, listed, absent = (arms[kind, arm, at] for at in (TOP1, LISTED, ABSENT))
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


def _names(kind: str, phase: str) -> Iterator[MetricName]:
    of = Section(f"handover.{kind}", (phase,), "pairs").name
    yield from _arm_names(kind, phase, "", "with her memory")
    yield from _arm_names(kind, phase, "control_", "without memory")
    lift = "top-1 rate with memory less that without, by pairs; higher is better"
    yield of("planned", COUNT, "queries that were attempted or planned", samples="queries")
    label = f"{LABELS[kind]}: lift"
    yield of("lift", "difference of shares, -1 to 1", lift, "lift_ci95", label=label)
    yield of("mcnemar_p", "probability", "exact McNemar test of the lift")
    yield of("pairs", COUNT, "queries that succeeded in both arms")
    yield of("both", COUNT, "pairs with the answer at top-1 in both arms")
    yield of("memory_only", COUNT, "pairs with the answer at top-1 with memory only")
    yield of("control_only", COUNT, "pairs with the answer at top-1 without memory only")
    yield of("neither", COUNT, "pairs with the answer at top-1 in no arm")
    yield of("by_boost", COUNT, "hits at top-1 that the control's list holds too")
    yield of("by_injection", COUNT, "hits at top-1 that the control's list does not hold")
    yield of("trios", COUNT, "trios with lists of their own; those of one variant count once")
    boosted = "results that the service says it boosted"
    injected = "results that the service says it injected"
    yield of("reported_boosted", COUNT, boosted, samples="queries")
    yield of("reported_injected", COUNT, injected, samples="queries")


def _arm_names(kind: str, phase: str, prefix: str, arm: str) -> Iterator[MetricName]:
    queries = f"{prefix}queries"
    of = Section(f"handover.{kind}", (phase,), queries).name
    at_top1, in_list = (
        f"the recorded answer at top-1, {arm}",
        f"the recorded answer in the top-K, {arm}",
    )
    label = f"{LABELS[kind]}: {'control' if prefix else 'with memory'}"
    # What is compared and read is the memory arm.
    more: dict[str, Any] = {} if prefix else {"ranges": RANGES[kind], "better": "higher"}
    yield of(queries, COUNT, f"queries that succeeded, {arm}")
    yield of(f"{prefix}top1", COUNT, at_top1)
    yield of(f"{prefix}top1_rate", RATE, at_top1, f"{prefix}ci95", label=f"{label}, top-1", **more)
    yield of(f"{prefix}top_k", COUNT, in_list)
    yield of(f"{prefix}top_k_rate", RATE, in_list, f"{prefix}top_k_ci95", label=f"{label}, top-K")
