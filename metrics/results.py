"""What Figures gives, typed: the parts of a run's document that are counted from events.

The sections of ``metrics`` are each metric's own and stay mappings, here and in the bands of the
load curve; ``Latencies.of`` and ``LoadBand.of`` read what holds steps or sections by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

import msgspec

FigureSection = Mapping[str, Any]
"""What one metric found, by the names of its figures (docs/metrics.md)."""


def says(description: str) -> msgspec.Meta:
    """What the JSON Schema of a document says of a key."""
    return msgspec.Meta(description=description)


NOT_STEPS = ("queue", "phases", "phases_service", "response", "lateness")
"""The keys of ``latency`` beside its steps."""


class Percentiles(msgspec.Struct, kw_only=True):
    """Latencies in ms; None where the count cannot carry the percentile.

    ``at_least_ms``: by its name, the least that a percentile can be which is None because it falls
    among what never ended.
    """

    count: int = 0
    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    p999_ms: float | None = None
    max_ms: float | None = None
    at_least_ms: dict[str, float] = {}


class LatencySummaries(msgspec.Struct, frozen=True):
    """Latencies by step, waits for an LLM slot by step, and those of whole events by phase.

    ``phases_service``: what services took of whole events. ``responses`` by phase, and ``lateness``
    by its part, are those of a schedule, and empty without one.
    """

    steps: dict[str, Percentiles] = {}
    queue: dict[str, Percentiles] = {}
    phases: dict[str, Percentiles] = {}
    phases_service: dict[str, Percentiles] = {}
    responses: dict[str, Percentiles] = msgspec.field(name="response", default_factory=dict)
    lateness: dict[str, Percentiles] = {}

    @classmethod
    def of(cls, section: FigureSection) -> Self:
        """The ``latency`` of a document, a band or nothing. Raises msgspec.ValidationError."""
        steps = {key: value for key, value in section.items() if key not in NOT_STEPS}
        rest = {key: section[key] for key in NOT_STEPS if key in section}
        return msgspec.convert({"steps": steps, **rest}, cls)


class LoadBand(msgspec.Struct, frozen=True, kw_only=True):
    """A band of load. ``seconds`` and pace are None where users were not counted.

    One of an offered rate has users of 0 and ``offered_from``, else None. ``trial``: its number in
    a search for the capacity, with whether it ``held``, and ``why`` not.

    ``figures`` are the sections that ``metrics`` has too, of this band alone.
    """

    users_from: int
    users_to: int
    seconds: float | None = None
    requests_per_s: float | None = None
    offered_from: float | None = None
    offered_to: float | None = None
    offered_per_s: float | None = None
    done_per_s: float | None = None
    missed: int = 0
    trial: int = 0
    held: bool | None = None
    why: str = ""
    latency: LatencySummaries
    figures: FigureSection

    @classmethod
    def of(cls, entry: FigureSection) -> Self:
        """An entry of ``load_curve``. Raises msgspec.ValidationError where it is none."""
        pace = {key: entry[key] for key in _OF_A_BAND if key in entry}
        latency = LatencySummaries.of(entry.get("latency", {}))
        return msgspec.convert({**pace, "latency": latency, "figures": entry}, cls)


_OF_A_BAND = (
    "users_from", "users_to", "seconds", "requests_per_s", "offered_from", "offered_to",
    "offered_per_s", "done_per_s", "missed", "trial", "held", "why",
)  # fmt: skip


class Cell(msgspec.Struct):
    """A contract's role."""

    contract: Annotated[str, says("the contract's name")]
    role: Annotated[str, says("the role that it demands")]


class CellPair(msgspec.Struct):
    """How alike the lists of two cells are."""

    a: Annotated[int, says("place of the one among the map's cells")]
    b: Annotated[int, says("place of the other")]
    mean_jaccard: Annotated[float, says("of their lists, within a trio and a round")]
    pairs: Annotated[int, says("pairs of lists that were compared")]


class HeatMap(msgspec.Struct):
    """Every pair of cells that has lists."""

    cells: Annotated[list[Cell], says("sorted by contract and role")] = []
    pairs: Annotated[list[CellPair], says("each once")] = []


class SlotLatency(msgspec.Struct):
    """A step's latency within a slot, in ms."""

    count: Annotated[int, says("steps")] = 0
    p50_ms: Annotated[float | None, says("median; null: too few steps")] = None
    p95_ms: Annotated[float | None, says("95th percentile")] = None
    p99_ms: Annotated[float | None, says("99th percentile")] = None


class SlotDeterminism(msgspec.Struct):
    """The reissues of a slot against their baselines."""

    pairs: Annotated[int, says("reissues compared")]
    mean_jaccard: Annotated[float | None, says("how alike; null: none was compared")]


class SlotArm(msgspec.Struct):
    """An arm's handover queries within a slot, both kinds together."""

    queries: Annotated[int, says("that succeeded")]
    top1: Annotated[int, says("those with the recorded answer at top-1")]
    top1_rate: Annotated[float | None, says("top1 by queries; null: no query")]


class SlotPhase(msgspec.Struct):
    """A phase's events within a slot."""

    events: Annotated[int, says("of all outcomes")]
    not_ok: Annotated[int, says("those whose outcome is not ok")]


class SlotFailure(msgspec.Struct):
    """Steps of a slot that failed for one reason."""

    step: Annotated[str | None, says("its name; null: of reasons that were not kept apart")]
    reason: Annotated[str, says("why, in words")]
    count: Annotated[int, says("steps")]


class TimelineSlot(msgspec.Struct):
    """What began within one stretch of time."""

    time: Annotated[int, says("its first Unix second")]
    seconds: Annotated[float | None, says("how long of it was of the run, its users known")]
    users: Annotated[float | None, says("mean number of users in them")]
    events: Annotated[int, says("of all outcomes")]
    not_ok: Annotated[int, says("events whose outcome is not ok")]
    steps: Annotated[int, says("failed ones too")]
    failed: Annotated[int, says("steps that failed")]
    latency: Annotated[dict[str, SlotLatency], says("by step")]
    determinism: Annotated[SlotDeterminism, says("reissues")]
    handover: Annotated[dict[str, SlotArm], says("by arm: memory, control")]
    failures: Annotated[list[SlotFailure], says("failed steps by reason, at most 40 of them")] = []
    phases: Annotated[dict[str, SlotPhase], says("events by phase")] = {}
    searches: Annotated[
        list[tuple[float, float, int]],
        says(
            "matrix.search: from and to a latency in ms, and how many; a group grows by a quarter"
        ),
    ] = []


class Timeline(msgspec.Struct):
    """Events and latency over time, in at most 120 slots."""

    slot_s: Annotated[int, says("width of a slot in seconds")] = 1
    slots: Annotated[list[TimelineSlot], says("ascending; those without events are left out")] = []


class NamedHit(msgspec.Struct):
    """Who a hit is: its id is unique within its corpus only."""

    id: Annotated[str, says("as the service has it")]
    corpus: Annotated[str | None, says("null in a state of before there were any")]


class ChangedReissue(msgspec.Struct):
    """A reissue that is not its baseline, with both lists."""

    jaccard: Annotated[float, says("of the two lists")]
    rbo: Annotated[float, says("rank-biased overlap of the two lists")]
    time: Annotated[str, says("when it was asked again, ISO 8601")]
    coordinator: Annotated[str, says("who asked")]
    round: Annotated[int, says("in which round, from 1")]
    contract: Annotated[str, says("the contract asked for")]
    role: Annotated[str, says("the role asked for")]
    query: Annotated[str, says("the text of the query")]
    trace_id: Annotated[str | None, says("its trace; null: none")]
    baseline: Annotated[list[NamedHit | str], says("hits by rank; bare ids in older documents")]
    reissue: Annotated[list[NamedHit | str], says("hits by rank, asked again")]


class ExampleEvent(msgspec.Struct, kw_only=True):
    """An event that is among the worst of its kind."""

    time: Annotated[str, says("when it began, ISO 8601")]
    worker: Annotated[str, says("whose event it is, as ``events`` has it")]
    seq: Annotated[int, says("its number there")]
    coordinator: Annotated[str, says("who asked")]
    round: Annotated[int, says("in which round, from 1")]
    phase: Annotated[str, says("the phase of the event")]
    contract: Annotated[str, says("the contract asked for; empty: none")]
    role: Annotated[str, says("the role asked for; empty: none")]
    query: Annotated[str, says("the text of the query; empty where the evidence has not all of it")]
    trace_id: Annotated[str | None, says("its trace; null: none")]
    error: Annotated[str | None, says("why it failed; null: it did not")]
    expected: Annotated[NamedHit | None, says("the hit that was to come first; null: none")]
    found: Annotated[list[NamedHit], says("hits by rank, the first twenty")]
    beside: Annotated[list[NamedHit], says("those of a handover's control")]


class MissedHandover(ExampleEvent, kw_only=True):
    """A handover whose recorded answer was not at top-1 with the memory."""

    in_list: Annotated[bool, says("whether it stood further down")]


class SlowSearch(ExampleEvent, kw_only=True):
    """A search that took long."""

    latency_ms: Annotated[float, says("of the search alone")]


class LowRating(ExampleEvent, kw_only=True):
    """A message whose top hit was rated low."""

    rating: Annotated[int, says("1 to 4")]


class ExampleLists(msgspec.Struct):
    """The five worst of each kind, the worst first."""

    missed_handovers: Annotated[
        list[MissedHandover], says("recorded answers not at top-1: in the same words, then others")
    ] = []
    slowest_searches: Annotated[list[SlowSearch], says("failed ones too")] = []
    lowest_ratings: Annotated[list[LowRating], says("of top hits, by the judge")] = []


class FigureReading(msgspec.Struct):
    """A figure in words."""

    word: Annotated[str, says("healthy, acceptable, …; unknown: too few samples")]
    meaning: Annotated[str, says("the same in a sentence")]
    healthy: Annotated[str, says("the healthy range: >= 0.95")]
