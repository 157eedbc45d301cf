"""Changes: what was updated, deleted or forgotten must not come back as it was. Lower is better.

Where a target can update, delete or forget, each new item that was seen is updated, its memory is
forgotten and it is deleted, one after the other. Each is looked for every 0.25 s until it is as it
should be, for 10 s; what the end of the run cuts is not counted. Counts, without an interval: one
that comes back is a fault.

A memory in which an LLM writes may merge a recording with another, or drop it: where it says so,
that is counted by itself. What it then finds is a handover's own figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from mcstress.metrics.event import Event
from mcstress.metrics.metric import (
    COUNT,
    NOT_MEASURED,
    FigureGroup,
    Metric,
    MetricName,
    Range,
    ResultContext,
    Seen,
)
from mcstress.metrics.tally import Tally

UNTOLD = "the target does not say what becomes of what is recorded"
UNABLE = "nothing was updated, deleted or forgotten"
TABLE = "changes"
"""The report's table of them."""


class Kind(msgspec.Struct, frozen=True):
    """A kind of change: its field in the event, and what its figures are called and mean."""

    field: str
    done: str
    done_meaning: str
    back: str
    back_meaning: str
    row: str
    healthy: str
    faulty: str


KINDS = (
    Kind(
        "updated",
        "updates",
        "new items that were updated, and then looked for until seen so, or for 10 s",
        "stale",
        "of them those that still came back as they were; 0 is right",
        "updated, and still as before",
        "what was updated comes back so",
        "what was updated comes back as it was",
    ),
    Kind(
        "deleted",
        "deletes",
        "new items that were deleted, and then looked for until gone, or for 10 s",
        "returned",
        "of them those that still came back; 0 is right",
        "deleted, and still found",
        "what was deleted does not come back",
        "what was deleted comes back",
    ),
    Kind(
        "forgotten",
        "forgets",
        "recorded answers that were forgotten, and then asked for until gone, or for 10 s",
        "remembered",
        "of them those that the memory still gave; 0 is right",
        "forgotten, and still remembered",
        "what was forgotten does not come back",
        "what was forgotten comes back",
    ),
)


class RecordingFigures(Metric):
    """``fates``: by what the memory made of a recording, how often, where it says so."""

    key = section = "recordings"
    hears = ("baseline",)
    about = "recorded"

    def __init__(self) -> None:
        self.fates: Tally[tuple[str]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        of = FigureGroup("recordings", cls.hears, "told", planned=None).name
        yield of("told", COUNT, "recordings of which the memory said what became of them")
        for fate in ("merged", "dropped"):
            meaning = f"of them those that it {fate}"
            yield of(fate, COUNT, meaning, label=f"recordings that the memory {fate}",
                     row=f"recordings that the memory {fate}", counts=(fate, "told"))  # fmt: skip

    def add(self, event: Event, seen: Seen) -> None:
        """Count what became of a recording."""
        del seen
        if isinstance(event.recorded, str):
            self.fates[(event.recorded,)] += 1

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The section; None where the memory does not say."""
        del context
        told = self.fates.total() or None
        counts = {fate: self.fates[(fate,)] if told else None for fate in ("merged", "dropped")}
        return {**({} if told else {NOT_MEASURED: UNTOLD}), "told": told, **counts}


class ChangeFigures(Metric):
    """``fates``: by the field of the event, how often it was so, and how often not."""

    key = section = "changes"
    hears = ("fresh_resume",)
    about = "changes"

    def __init__(self) -> None:
        self.fates: Tally[tuple[str, bool]] = Tally()

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """The figures of the section."""
        for kind in KINDS:
            of = FigureGroup("changes", cls.hears, kind.done, planned=None).name
            yield of(kind.done, COUNT, kind.done_meaning)
            ranges = (
                Range("==", 0, "healthy", kind.healthy),
                Range(">", 0, "faulty", kind.faulty),
            )
            yield of(kind.back, COUNT, kind.back_meaning, ranges=ranges, label=kind.row,
                     table=TABLE, row=kind.row, counts=(kind.back, kind.done))  # fmt: skip

    def add(self, event: Event, seen: Seen) -> None:
        """Count what became of each change."""
        del seen
        changes = event.changes
        if isinstance(changes, msgspec.UnsetType):
            return
        for kind in KINDS:
            is_so = getattr(changes, kind.field)
            if is_so is not None:
                self.fates[kind.field, is_so] += 1

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The section; None for a kind of which there was none."""
        del context
        figures: dict[str, Any] = {}
        for kind in KINDS:
            right, wrong = self.fates[kind.field, True], self.fates[kind.field, False]
            made = right + wrong
            figures |= {kind.done: made or None, kind.back: wrong if made else None}
        return figures if self.fates else {NOT_MEASURED: UNABLE, **figures}
