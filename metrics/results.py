"""What Figures gives, typed: the parts of a run's document that are counted from events.

The sections of ``metrics`` are each metric's own and stay mappings, here and in the bands of the
load curve; ``Latency.of`` and ``LoadBand.of`` read what holds steps or sections by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import msgspec

FigureSection = Mapping[str, Any]
"""What one metric found, by the names of its figures (docs/metrics.md)."""

NOT_STEPS = ("queue", "phases")
"""The keys of ``latency`` beside its steps."""


class Percentiles(msgspec.Struct, kw_only=True):
    """Latencies in ms; None where the count cannot carry the percentile."""

    count: int = 0
    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    p999_ms: float | None = None
    max_ms: float | None = None


class Latency(msgspec.Struct, frozen=True):
    """Latencies by step, waits for an LLM slot by step, and those of whole events by phase."""

    steps: dict[str, Percentiles] = {}
    queue: dict[str, Percentiles] = {}
    phases: dict[str, Percentiles] = {}

    @classmethod
    def of(cls, section: FigureSection) -> Self:
        """The ``latency`` of a document, a band or nothing. Raises msgspec.ValidationError."""
        steps = {key: value for key, value in section.items() if key not in NOT_STEPS}
        rest = {key: section[key] for key in NOT_STEPS if key in section}
        return msgspec.convert({"steps": steps, **rest}, cls)


class LoadBand(msgspec.Struct, frozen=True, kw_only=True):
    """A band of concurrent users. ``seconds`` and pace are None where users were not counted.

    ``figures`` are the sections that ``metrics`` has too, of this band alone.
    """

    users_from: int
    users_to: int
    seconds: float | None = None
    requests_per_s: float | None = None
    latency: Latency
    figures: FigureSection

    @classmethod
    def of(cls, entry: FigureSection) -> Self:
        """An entry of ``load_curve``. Raises msgspec.ValidationError where it is none."""
        pace = {key: entry[key] for key in _OF_A_BAND if key in entry}
        latency = Latency.of(entry.get("latency", {}))
        return msgspec.convert({**pace, "latency": latency, "figures": entry}, cls)


_OF_A_BAND = ("users_from", "users_to", "seconds", "requests_per_s")


class Cell(msgspec.Struct):
    """A contract's role."""

    contract: str
    role: str


class CellPair(msgspec.Struct):
    """How alike the lists of two cells are; ``a`` and ``b`` are places among the map's cells."""

    a: int
    b: int
    mean_jaccard: float
    pairs: int


class HeatMap(msgspec.Struct):
    """Every pair of cells that has lists."""

    cells: list[Cell] = []
    pairs: list[CellPair] = []


class SlotLatency(msgspec.Struct):
    """A step's latency within a slot, in ms."""

    count: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


class SlotDeterminism(msgspec.Struct):
    """The reissues of a slot against their baselines."""

    pairs: int
    mean_jaccard: float | None


class SlotArm(msgspec.Struct):
    """An arm's handover queries within a slot, both kinds together."""

    queries: int
    top1: int
    top1_rate: float | None


class Slot(msgspec.Struct):
    """What began within one stretch of time; ``time`` is its first Unix second.

    ``users`` is the mean of the ``seconds`` that were seen; None where none was.
    """

    time: int
    seconds: int | None
    users: float | None
    events: int
    not_ok: int
    steps: int
    failed: int
    latency: dict[str, SlotLatency]
    determinism: SlotDeterminism
    handover: dict[str, SlotArm]


class Timeline(msgspec.Struct):
    """Slots of ``slot_s`` seconds, ascending; those without events are left out."""

    slot_s: int = 1
    slots: list[Slot] = []


class NamedHit(msgspec.Struct):
    """Who a hit is: its id is unique within its corpus only."""

    id: str
    corpus: str | None


class ChangedReissue(msgspec.Struct):
    """A reissue that is not its baseline, with both lists in rank order (older ones: bare ids)."""

    jaccard: float
    rbo: float
    time: str
    coordinator: str
    round: int
    contract: str
    role: str
    query: str
    trace_id: str | None
    baseline: list[NamedHit | str]
    reissue: list[NamedHit | str]


class FigureReading(msgspec.Struct):
    """A figure in a word and a sentence, and its healthy range (``>= 0.95``)."""

    word: str
    meaning: str
    healthy: str
