"""Handover: a colleague finds what was learnt.

Bob asks alice's queries with alice's memory and, as a control, without it. Rates: the mean over
questions of each question's mean, higher is better. Lift: the mean over questions of hits at top-1
with the memory less those without, by pairs of both arms of a query; its test McNemar's exact one
over the signs of the questions' differences. Intervals and test: by_question.py. A rate counts
every query of its own arm that succeeded; lift needs both arms of a query. Where the memory is
asked by itself, the control asks it in a namespace that was not told, and there is no lift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcstress.metrics.by_question import ByQuestion
from mcstress.metrics.event import ARMS, Event
from mcstress.metrics.metric import (
    COUNT,
    DIFFERENCE,
    NO_QUESTION,
    NO_UNIT,
    NOT_MEASURED,
    PROBABILITY,
    RATE,
    FigureGroup,
    Metric,
    MetricName,
    PerQuestion,
    PlannedRound,
    Range,
    ResultContext,
    Seen,
)
from mcstress.metrics.rates import ABSENT, LISTED, TOP1, missed_questions, over_questions
from mcstress.metrics.tally import Accumulator, Tally

VERBATIM, PARAPHRASE = "verbatim", "paraphrase"
KINDS = {"handover": VERBATIM, "handover_paraphrase": PARAPHRASE}
"""The kind of handover that each phase asks."""

RANGES = {
    VERBATIM: (
        Range(
            ">=",
            0.95,
            "healthy",
            "a colleague finds what was learnt",
            "near 1.0 is the trivial case: the query meets its own record",
        ),
        Range(
            ">=",
            0.0,
            "low",
            "colleagues do not always find the recorded answer",
            "records get lost, come late, or are filtered away",
        ),
    ),
    PARAPHRASE: (
        Range(">=", 0.5, "healthy", "what was learnt is found in other words too"),
        Range(
            ">=",
            0.0,
            "low",
            "what was learnt is found in its own words only",
            "near 0.0 other words are too far from the recorded query for it to be brought in",
        ),
    ),
}
LABELS = {VERBATIM: "same wording", PARAPHRASE: "paraphrased"}

BY_BOOST = "hits at top-1 that the control's list holds too"
BY_INJECTION = "hits at top-1 that the control's list does not hold"

AT_TOP1, IN_LIST = range(2)
"""The figures of a question in one arm, 0 or 1 each time."""

_ALONE = "the memory is asked by itself, and there is no search to compare it with"
_OLDER_KEYS = ("arms", "pairs", "attempted", "reported")


class KindCounts(Accumulator):
    """What is counted of one kind of handover.

    ``memory`` and ``control``: by question, where the answer stood in that arm. ``lifts``: by
    question, its difference at top-1 between the arms. ``arms``: arm, place. ``pairs``: place with
    memory, in the control. ``attempted``: by arm, queries that were not cut off. ``reported``: what
    the service says it boosted and injected in the memory arm, by word. ``alone``: controls that
    asked a memory by itself, and are no search to compare with.
    """

    def __init__(self) -> None:
        self.memory = ByQuestion(2)
        self.control = ByQuestion(2)
        self.lifts = ByQuestion()
        self.arms: Tally[tuple[str, int]] = Tally()
        self.pairs: Tally[tuple[int, int]] = Tally()
        self.attempted: Tally[tuple[str]] = Tally()
        self.reported: Tally[tuple[str]] = Tally()
        self.alone: Tally[tuple[()]] = Tally()

    def add_control(self, event: Event, seen: Seen, at: int) -> None:
        """Count a control whose answer stood at ``at``, and its pair with the memory arm."""
        at_top1 = int(at == TOP1)
        self.control.add(seen.unit, seen.question, at_top1, int(at != ABSENT))
        if event.memory is not None:
            self.alone[()] += 1
        elif seen.before is not None:
            before = seen.before.place or TOP1
            self.pairs[before, at] += 1
            self.lifts.add(seen.unit, seen.question, int(before == TOP1) - at_top1)

    def restore_older(self, name: str, row: Sequence[Any]) -> None:
        """Add a row that an older version counted without its question."""
        *key, n = row
        if name in ("attempted", "reported"):
            getattr(self, name)[tuple(key)] += n
            return
        first, at = key[-2:]
        (self.arms if name == "arms" else self.pairs)[first, at] += n
        for _ in range(n):
            if name == "pairs":
                self.lifts.add(key[0], NO_QUESTION, (first == TOP1) - (at == TOP1))
            else:
                arm = self.memory if first == "memory" else self.control
                arm.add(NO_UNIT, NO_QUESTION, int(at == TOP1), int(at != ABSENT))


class HandoverFigures(Metric):
    """Both kinds of handover."""

    key = section = "handover"
    hears = tuple(KINDS)

    def __init__(self) -> None:
        self.verbatim = KindCounts()
        self.paraphrase = KindCounts()

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
        kind = self._kind(event.phase)
        arm, at = event.arm, seen.place
        if arm is None:
            for one in ARMS:
                kind.attempted[(one,)] += 1
            return
        if at is None:
            kind.attempted[(arm,)] += 1
            if seen.hits is not None:
                seen.faults[("nothing_expected",)] += 1
            return
        seen.arms.append((event.phase, arm, at))
        at_top1 = int(at == TOP1)
        if arm == "control":
            kind.add_control(event, seen, at)
            return
        kind.memory.add(seen.unit, seen.question, at_top1, int(at != ABSENT))
        if seen.say is not None:
            seen.say(event, "handover_top1", at == TOP1)
            seen.say(event, "handover_top_k", at != ABSENT)
        if event.boosted:
            kind.reported[("boosted",)] += event.boosted
        if event.injected:
            kind.reported[("injected",)] += event.injected

    def add_arm(self, phase: str, arm: str, at: int, number: int) -> None:
        """Count so many queries of an arm whose answer stood ``at``: ``add`` noted them."""
        kind = self._kind(phase)
        kind.attempted[(arm,)] += number
        kind.arms[arm, at] += number

    def _kind(self, phase: str) -> KindCounts:
        return self.verbatim if phase == "handover" else self.paraphrase

    def per_question(self) -> PerQuestion:
        """Whether the answer was at top-1 with the memory, by question."""
        return {
            f"handover.{kind}.top1_rate": getattr(self, kind).memory.sums(AT_TOP1)
            for kind in KINDS.values()
        }

    def restore(self, state: Any) -> None:
        """Add what ``state()`` gave; older versions had all kinds in each tally."""
        super().restore({name: part for name, part in state.items() if name in KINDS.values()})
        for name in _OLDER_KEYS:
            for row in state.get(name, ()):
                kind = next(word for word in row if word in KINDS.values())
                getattr(self, kind).restore_older(name, [word for word in row if word != kind])

    def result(self, context: ResultContext) -> dict[str, Any]:
        """Both kinds."""
        return {
            kind: _result(getattr(self, kind), context.planned.get(f"handover.{kind}", 0))
            | _missed(getattr(self, kind), context)
            for kind in KINDS.values()
        }


def _result(kind: KindCounts, planned: int) -> dict[str, Any]:
    # Where the end of the run comes between the two arms of a query, that pair was cut.
    attempted = min(kind.attempted[("memory",)], kind.attempted[("control",)])
    return {
        **_arm(kind, "memory", ""),
        "planned": max(planned, attempted),
        **_arm(kind, "control", "control_"),
        **_lift(kind),
        **({NOT_MEASURED: _ALONE} if kind.alone else {}),
        "reported_boosted": kind.reported[("boosted",)],
        "reported_injected": kind.reported[("injected",)],
    }


def _missed(kind: KindCounts, context: ResultContext) -> dict[str, Any]:
    """Which questions missed with the memory, and how often; of a whole run."""
    if context.whole is None:
        return {}
    return {"missed": missed_questions(kind.memory, AT_TOP1, IN_LIST)}


def _arm(kind: KindCounts, arm: str, prefix: str) -> dict[str, Any]:
    asked: ByQuestion = getattr(kind, arm)
    top1, listed, absent = (kind.arms[arm, at] for at in (TOP1, LISTED, ABSENT))
    return {
        f"{prefix}queries": top1 + listed + absent,
        f"{prefix}questions": len(asked),
        f"{prefix}top1": top1,
        f"{prefix}top_k": top1 + listed,
        **over_questions(asked, AT_TOP1, f"{prefix}top1_rate", f"{prefix}ci95"),
        **over_questions(asked, IN_LIST, f"{prefix}top_k_rate", f"{prefix}top_k_ci95"),
    }


def _lift(kind: KindCounts) -> dict[str, Any]:
    table, found = kind.pairs, kind.lifts.lift()
    both = table[TOP1, TOP1]
    memory_only = table[TOP1, LISTED] + table[TOP1, ABSENT]
    control_only = table[LISTED, TOP1] + table[ABSENT, TOP1]
    return {
        "lift": found and found.value,
        "lift_ci95": found and list(found.ci95),
        "lift_ci95_label": found and found.ci95_label,
        "mcnemar_p": found and found.mcnemar_p,
        "pairs": table.total(),
        "both": both,
        "memory_only": memory_only,
        "control_only": control_only,
        "neither": table.total() - both - memory_only - control_only,
        "by_boost": both + table[TOP1, LISTED],
        "by_injection": table[TOP1, ABSENT],
        "pair_questions": found.questions if found else 0,
        "better_questions": found.better if found else 0,
        "worse_questions": found.worse if found else 0,
        "trios": found.units if found else 0,
    }


def _names(kind: str, phase: str) -> Iterator[MetricName]:
    of = FigureGroup(f"handover.{kind}", (phase,), "pairs", questions="pair_questions").name
    yield from _arm_names(kind, phase, "", "with the memory")
    yield from _arm_names(kind, phase, "control_", "without memory")
    lift = "top-1 rate with memory less that without, over questions; higher is better"
    yield of("planned", COUNT, "queries that were attempted or planned", samples="queries")
    label = f"{LABELS[kind]}: lift"
    at: dict[str, Any] = {"table": "lift", "row": LABELS[kind]}
    yield of("lift", DIFFERENCE, lift, "lift_ci95", label=label, **at, column="Lift")
    exact = "exact McNemar test of the questions' differences"
    yield of("mcnemar_p", PROBABILITY, exact, **at, column="McNemar p")
    yield of("pairs", COUNT, "queries that succeeded in both arms")
    yield of("both", COUNT, "pairs with the answer at top-1 in both arms")
    yield of("memory_only", COUNT, "pairs with the answer at top-1 with memory only")
    yield of("control_only", COUNT, "pairs with the answer at top-1 without memory only")
    yield of("neither", COUNT, "pairs with the answer at top-1 in no arm")
    yield of("by_boost", COUNT, BY_BOOST, **at, column="Top-1 that the control lists")
    yield of("by_injection", COUNT, BY_INJECTION, **at, column="Top-1 that the memory added")
    yield of("pair_questions", COUNT, "different questions among the pairs")
    yield of("better_questions", COUNT, "questions that the memory answered more often")
    yield of("worse_questions", COUNT, "questions that the memory answered less often")
    yield of("trios", COUNT, "trios with lists of their own; those of one variant count once")
    boosted = "results that the service says it boosted"
    injected = "results that the service says it injected"
    yield of("reported_boosted", COUNT, boosted, samples="queries")
    yield of("reported_injected", COUNT, injected, samples="queries")


def _arm_names(kind: str, phase: str, prefix: str, arm: str) -> Iterator[MetricName]:
    queries = f"{prefix}queries"
    questions = f"{prefix}questions"
    of = FigureGroup(f"handover.{kind}", (phase,), queries, questions=questions).name
    at_top1, in_list = (
        f"the recorded answer at top-1, {arm}",
        f"the recorded answer in the top-K, {arm}",
    )
    label = f"{LABELS[kind]}: {'control' if prefix else 'with memory'}"
    # What is compared and read is the memory arm.
    more: dict[str, Any] = {} if prefix else {"ranges": RANGES[kind], "better": "higher"}
    more["by_load"] = "Control" if prefix else LABELS[kind].capitalize()
    yield of(queries, COUNT, f"queries that succeeded, {arm}")
    yield of(questions, COUNT, f"different questions among them, {arm}")
    yield of(f"{prefix}top1", COUNT, at_top1)
    place: dict[str, Any] = {"table": "handover", "row": LABELS[kind]}
    column = "Control" if prefix else "With memory"
    yield of(f"{prefix}top1_rate", RATE, at_top1, f"{prefix}ci95", label=f"{label}, top-1",
             counts=(f"{prefix}top1", queries), column=f"{column}, top-1", **place,
             **more)  # fmt: skip
    yield of(f"{prefix}top_k", COUNT, in_list)
    in_report = {} if prefix else {**place, "column": f"{column}, top-K"}
    yield of(f"{prefix}top_k_rate", RATE, in_list, f"{prefix}top_k_ci95", label=f"{label}, top-K",
             counts=(f"{prefix}top_k", queries), **in_report)  # fmt: skip
