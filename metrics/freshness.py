"""Freshness: are new resumes found, and how soon? Higher is better; rates over questions.

A new resume is looked for at once over a new connection, and where that does not see it, again
every 0.25 s for 10 s. ``top1`` and ``top_k`` are of the first look: a reading. ``visible_rate`` is
what decides: of the resumes whose fate is known, those that were seen. Looks are steps of their
own: they enter no other latency, pace, error rate or availability.

``time_to_top_k_s``: from the answer to the add to the first answer that has it, to the ms; the
percentile at q is the smallest time by which q of all were seen (nearest rank), None where it falls
among those never seen, or where there are fewer than 1/(1 - q).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcstress.metrics.by_question import ByQuestion
from mcstress.metrics.event import LOOK, POLL, Event, StepRecord
from mcstress.metrics.histogram import Histogram, Histograms
from mcstress.metrics.metric import (
    COUNT,
    NO_QUESTION,
    NO_UNIT,
    RATE,
    SECONDS,
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
from mcstress.metrics.tally import Tally

LOOK_STEPS = frozenset({LOOK, POLL})
NEVER, VISIBLE, UNDECIDED = "never", "visible", "undecided"
"""Not seen to the end; seen; not looked for to the end: the run or the process
did not go on so long, or there were as many polls as there may be."""

RANGES = (
    Range(">=", 0.95, "healthy", "new {new_items} are found within 10 s"),
    Range(">=", 0.0, "low", "not every new {new_item} is found within 10 s"),
)
TABLE = "freshness"
"""The report's table of what was found."""
TIMES = (
    ("top_k", "in the top-K", "in the top-K"),
    ("top1", "at top-1", "at top-1 when first seen"),
)
"""Which time, its row in the report, and what it says."""
PERCENTILES = {"p50": 50, "p95": 95}
WHOLE = 100
MS = 1000


AT_TOP1, IN_LIST = range(2)
"""The figures of a question, 0 or 1 each time."""


class Freshness(Metric):
    """``asked``: by question, whether its query found the resume. ``places``: where, of all.

    ``attempted`` counts those that were not cut off. ``judged``: by question, whether it was seen;
    ``fates``: of all, whether. ``top_k_ms`` and ``top1_ms``: after how many ms; at most 10,000
    different ones where a look takes less. ``looks``: their latencies by step, ``failed`` how many
    of them failed. ``SecondBucket`` feeds those two.
    """

    key = section = "freshness"
    hears = ("fresh_resume",)

    def __init__(self) -> None:
        self.asked = ByQuestion(2)
        self.places: Tally[tuple[int]] = Tally()
        self.attempted: Tally[tuple[()]] = Tally()
        self.judged = ByQuestion()
        self.fates: Tally[tuple[str]] = Tally()
        self.top_k_ms: Tally[tuple[int]] = Tally()
        self.top1_ms: Tally[tuple[int]] = Tally()
        self.looks = Histograms()
        self.failed: Tally[tuple[str]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        of = FigureGroup("freshness", cls.hears, "resumes", questions="questions").name
        yield of("resumes", COUNT, "new resumes whose first look had a list")
        yield of("questions", COUNT, "different texts among them, whatever the name")
        yield of("planned", COUNT, "new resumes that were attempted or planned")
        yield from _visible()
        yield of("top1", COUNT, "new resumes that the first look found at top-1")
        at_top1 = "new resumes that the first look found at top-1; higher is better"
        yield of("top1_rate", RATE, at_top1, "top1_ci95", label="new {new_items} at once at top-1",
                 table=TABLE, row="at once, at top-1", counts=("top1", "resumes"))  # fmt: skip
        yield of("top_k", COUNT, "new resumes that the first look found in the top-K")
        yield of(
            "top_k_rate",
            RATE,
            "new resumes that the first look found in the top-K; higher is better",
            "ci95",
            label="new {new_items} at once in the top-K",
            table=TABLE,
            row="at once, in the top-K",
            counts=("top_k", "resumes"),
            better="higher",
        )

    @classmethod
    def planned(cls, one_round: PlannedRound) -> Mapping[str, int]:
        """Every resume is searched for once."""
        return {"freshness": one_round.asked.get("fresh_resume", 0)}

    def add(self, event: Event, seen: Seen) -> None:
        """Count a search for a new resume."""
        if seen.place is not None:
            at = seen.place
            self.places[(at,)] += 1
            self.asked.add(seen.unit, seen.question, int(at == TOP1), int(at != ABSENT))
        elif seen.hits is not None:
            seen.faults[("nothing_expected",)] += 1
        self._add_fate(event, seen)

    def heard(self, phase: str, number: int) -> None:
        """Count what was attempted."""
        del phase
        self.attempted[()] += number

    def _add_fate(self, event: Event, seen: Seen) -> None:
        """A resume for which no look had an answer has none."""
        after_s = event.visible_after_s
        if isinstance(after_s, float):
            ms = round(after_s * MS)
            self.top_k_ms[(ms,)] += 1
            if event.visible_at_top1:
                self.top1_ms[(ms,)] += 1
            fate = VISIBLE
        elif any(step.name in LOOK_STEPS and step.error is None for step in event.steps):
            fate = NEVER if after_s is None else UNDECIDED
        else:
            return
        self.fates[(fate,)] += 1
        if fate != UNDECIDED:
            self.judged.add(seen.unit, seen.question, int(fate == VISIBLE))

    def add_look(self, step: StepRecord) -> None:
        """Count a look that went out."""
        self.looks[step.name].record(step.latency_ms)
        if step.error is not None:
            self.failed[(step.name,)] += 1

    def per_question(self) -> PerQuestion:
        """Whether a resume was in the first list, and whether it was seen, by question."""
        return {
            "freshness.top_k_rate": self.asked.sums(IN_LIST),
            "freshness.visible_rate": self.judged.sums(),
        }

    def restore(self, state: Any) -> None:
        """Add what ``state()`` gave; older versions had places without their question."""
        super().restore(state)
        if "places" in state and "asked" not in state:
            for _, at, n in ([NO_UNIT, *row][-3:] for row in state["places"]):
                for _ in range(n):
                    self.asked.add(NO_UNIT, NO_QUESTION, int(at == TOP1), int(at != ABSENT))

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The figure's section; ``ci95`` belongs to ``top_k_rate``."""
        asked, top1 = self.asked, self.places[(TOP1,)]
        return {
            "resumes": asked.samples,
            "questions": len(asked),
            "planned": max(context.planned.get("freshness", 0), self.attempted[()]),
            "top1": top1,
            "top_k": top1 + self.places[(LISTED,)],
            **over_questions(asked, AT_TOP1, "top1_rate", "top1_ci95"),
            **over_questions(asked, IN_LIST, "top_k_rate", "ci95"),
            **self._fates(),
            **{part: self._looks(step) for part, step in PARTS.items()},
            **({} if context.whole is None else {"missed": missed_questions(self.judged, 0)}),
        }

    def _fates(self) -> dict[str, Any]:
        fates = {fate: self.fates[(fate,)] for fate in (NEVER, VISIBLE, UNDECIDED)}
        visible, judged = fates[VISIBLE], fates[VISIBLE] + fates[NEVER]
        seen = over_questions(self.judged, 0, "visible_rate", "visible_ci95")
        if fates[UNDECIDED] and seen["visible_ci95"]:
            seen["visible_ci95"] = _with_undecided(seen["visible_ci95"], visible, fates)
        return {
            "judged": judged,
            "judged_questions": len(self.judged),
            **fates,
            **seen,
            "time_to_top_k_s": _times(self.top_k_ms, judged),
            "time_to_top1_s": _times(self.top1_ms, judged),
        }

    def _looks(self, step: str) -> dict[str, Any]:
        summary = self.looks.get(step, Histogram()).summary()
        latencies = {leaf: summary[leaf] for leaf in LATENCIES}
        return {"count": summary["count"], "failed": self.failed[(step,)], **latencies}


PARTS = {"search": LOOK, "poll": POLL}
LOOK_ROWS = {"search": "at once (freshness.search)", "poll": "again (freshness.poll)"}
LATENCIES = {"p50_ms": "median", "p95_ms": "95th percentile"}


def _with_undecided(ci95: list[float], visible: int, fates: Mapping[str, int]) -> list[float]:
    """The interval, joined with the rates if all or none of the undecided had been seen."""
    low, high = ci95
    whole = sum(fates.values())
    return [min(low, visible / whole), max(high, (visible + fates[UNDECIDED]) / whole)]


def _times(after_ms: Tally[tuple[int]], judged: int) -> dict[str, float | None]:
    """The percentiles in seconds of ``judged`` resumes; those that have no time took longer."""
    ranked = sorted(after_ms.items())
    return {
        name: _by_rank(ranked, -(-hundredths * judged // WHOLE))
        if judged * (WHOLE - hundredths) >= WHOLE
        else None
        for name, hundredths in PERCENTILES.items()
    }


def _by_rank(ranked: list[tuple[tuple[int], int]], rank: int) -> float | None:
    up_to = 0
    for (ms,), count in ranked:
        up_to += count
        if up_to >= rank:
            return ms / MS
    return None


def _visible() -> Iterator[MetricName]:
    of = FigureGroup("freshness", Freshness.hears, "judged", questions="judged_questions").name
    yield of("judged", COUNT, "new resumes that were seen, or looked for to the end")
    yield of("judged_questions", COUNT, "different texts among them, whatever the name")
    yield of("visible", COUNT, "new resumes that were seen, at once or within 10 s")
    yield of("never", COUNT, "new resumes that were looked for for 10 s and never seen")
    undecided = "new resumes not seen, and not looked for to the end (cut, paused or too many)"
    yield of("undecided", COUNT, undecided)
    yield of(
        "visible_rate",
        RATE,
        "new resumes that were seen within 10 s; higher is better",
        "visible_ci95",
        ranges=RANGES,
        label="new {new_items} seen within 10 s",
        table=TABLE,
        row="seen within 10 s",
        by_load="Freshness",
        counts=("visible", "judged"),
        better="higher",
    )
    for where, row, words in TIMES:
        for name, hundredths in PERCENTILES.items():
            meaning = f"seconds by which {hundredths} % of new resumes were {words}"
            yield of(f"time_to_{where}_s.{name}", SECONDS, f"{meaning}; lower is better",
                     table="freshness_times", row=row, column=name)  # fmt: skip
    for part, step in PARTS.items():
        of = FigureGroup(f"freshness.{part}", Freshness.hears, "count", None).name
        at: dict[str, Any] = {"table": "freshness_looks", "row": LOOK_ROWS[part]}
        yield of("count", COUNT, f"{step} steps", **at, column="Count")
        yield of("failed", COUNT, f"{step} steps that failed", **at, column="Failed")
        for leaf, word in LATENCIES.items():
            meaning = f"{word} of the latency of {step} steps; lower is better"
            yield of(leaf, "ms", meaning, **at, column=leaf.replace("_", " "))
