"""The document of a run: all that its report says, typed, in the order in which files have it.

``build`` makes it, for the live page, for the end of a run and for ``mcstress report``;
``document_of`` reads it back. A key more is a field more here, and what fills it: the file, the
JSON Schema (``python -m mcstress.evidence.schema``) and the order of keys follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from mcstress.errors import UsageError
from mcstress.evidence.document_parts import AskedScenario, Completeness, Integrity, RunSection
from mcstress.metrics.appointments import AppointmentRow, AppointmentRows, in_order
from mcstress.metrics.arrivals import (
    Offered,
    OfferedSecond,
    Starved,
    Trial,
    UnservedRow,
    UnservedRows,
)
from mcstress.metrics.availability import Silence
from mcstress.metrics.check import Check
from mcstress.metrics.figures import Figures
from mcstress.metrics.names import find
from mcstress.metrics.number_format import percent
from mcstress.metrics.phase import MIX_NAMES, add_mix
from mcstress.metrics.results import (
    ChangedReissue,
    ExampleLists,
    FigureReading,
    FigureSection,
    HeatMap,
    LatencySummaries,
    LoadBand,
    Timeline,
    says,
)
from mcstress.metrics.trial_judgement import evaluate_search
from mcstress.metrics.users_timeline import RunSpan
from mcstress.metrics.verdict import CheckOutcome, evaluate, overall
from mcstress.metrics.wording import STAFFING, Words
from mcstress.metrics.worst_events import without_queries

SCHEMA = 1
MOST_K = 10**6
MOST_SATURATED = 0.01
"""Of the seconds: so few move no 95th percentile by much."""
LONGEST_SECOND_S = 1.5
"""What a process counts as a second may last so long; its last one is not counted."""
MOST_CLOCK_ERROR_S = 3600.0
"""A worker that says more says nothing of its clock."""
UnixSecond = Annotated[float, msgspec.Meta(ge=0, le=2**40)]
UserNumber = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
Json = dict[str, Any]
"""A JSON object as it lies in a file: of any keys."""


class RunDocument(msgspec.Struct, kw_only=True):
    """The document of a run but for ``events``, which are never all in memory."""

    schema: Annotated[int, says("the version of this layout")] = SCHEMA
    run: Annotated[RunSection, says("what ran, against what, and how")] = msgspec.field(
        default_factory=RunSection
    )
    scenario: Annotated[FigureSection, says("the scenario as it was asked (docs/scenario.md)")] = {}
    metrics: Annotated[
        dict[str, FigureSection],
        says("every figure, by metric; its path is its name (docs/metrics.md)"),
    ] = {}
    latency: Annotated[
        dict[str, FigureSection],
        says("percentiles in ms by step; queue: waits for an LLM slot; phases: whole events"),
    ] = {}
    load_curve: Annotated[
        list[FigureSection],
        says("by band of users: pace, the sections of metrics, latency"),
    ] = []
    checks: Annotated[list[CheckOutcome], says("what became of each check, and why")] = []
    verdict: Annotated[Literal["pass", "fail", "unknown"], says("of all checks together")] = (
        "unknown"
    )
    completeness: Annotated[Completeness, says("whether all events are in it")] = msgspec.field(
        default_factory=Completeness
    )
    load_curve_reading: Annotated[str, says("what the load curve says, in a sentence")] = ""
    heat_map: Annotated[HeatMap, says("how alike every two cells' lists are")] = msgspec.field(
        default_factory=HeatMap
    )
    worst_reissues: Annotated[list[ChangedReissue], says("those that changed most")] = []
    examples: Annotated[ExampleLists, says("other events to look at first, with their lists")] = (
        msgspec.field(default_factory=ExampleLists)
    )
    timeline: Annotated[Timeline, says("events and latency over time")] = msgspec.field(
        default_factory=Timeline
    )
    time_axis: Annotated[Timeline, says("the same in at most twelve slots")] = msgspec.field(
        default_factory=Timeline
    )
    faults: Annotated[dict[str, int], says("oddities that were counted and not mended")] = {}
    readings: Annotated[dict[str, FigureReading], says("figures in words, by their names")] = {}
    users: Annotated[
        Sequence[tuple[UnixSecond, UserNumber]], says("concurrent users by Unix second, ascending")
    ] = []
    offered: Annotated[
        list[OfferedSecond] | UnsetType,
        says("a schedule by second: Unix second, rate, arrivals, how much of it was in the run"),
    ] = UNSET
    unserved: Annotated[
        list[UnservedRow] | UnsetType,
        says("arrivals that never began: Unix second, rate in thousandths, fate, ms, number"),
    ] = UNSET
    trials: Annotated[
        list[Trial] | UnsetType, says("of a search for the capacity, in their order")
    ] = UNSET
    appointments: Annotated[
        list[AppointmentRow] | UnsetType,
        says("by the clock: ms since hour 0, whose, number, phase, fate, waits and response in ms"),
    ] = UNSET
    thresholds: Annotated[list[Check], says("the checks that were asked for")] = []
    candidates: Annotated[
        dict[str, int] | None, says("items there are for each role, where that is known")
    ] = None
    state: Annotated[
        Json | UnsetType, says("the metrics' own state, where not every event was kept")
    ] = UNSET
    integrity: Annotated[Integrity | UnsetType, says("digests of this document's parts")] = UNSET

    @property
    def asked(self) -> AskedScenario:
        """What reports read of the scenario."""
        return AskedScenario.of(self.scenario)

    @property
    def words(self) -> Words:
        """What the scenario calls its things; it had no say in it in older documents."""
        named = self.scenario.get("words")
        return STAFFING if named is None else msgspec.convert(named, Words)

    @property
    def speed(self) -> LatencySummaries:
        """``latency``, typed."""
        return LatencySummaries.of(self.latency)

    @property
    def silences(self) -> list[Silence]:
        """When nothing of the gateway succeeded: the first twenty."""
        return msgspec.convert(self.figure("availability.silences") or [], list[Silence])

    @property
    def bands(self) -> list[LoadBand]:
        """``load_curve``, typed; a band ends at the most users that there were."""
        bands = [LoadBand.of(entry) for entry in self.load_curve]
        most = self.run.peak_users
        return [
            msgspec.structs.replace(band, users_to=most)
            if band.users_from <= most < band.users_to
            else band
            for band in bands
        ]

    def figure(self, name: str) -> Any:
        """The figure that checks know by ``name``; None where it is not there."""
        parts = {"metrics": self.metrics, "latency": self.latency, "faults": self.faults}
        return find(parts, name)


KEYS = RunDocument.__struct_fields__
"""The keys that this version knows, in the order of files; ``events`` comes last."""


def build(
    run: RunSection,
    scenario: FigureSection,
    figures: Figures,
    completeness: Completeness,
    *,
    thresholds: Sequence[Check],
    users: Sequence[tuple[int, int]],
    planned: Mapping[str, int],
    candidates: dict[str, int] | None,
    with_state: bool = False,
    now_s: float | None = None,
    offered: Sequence[OfferedSecond] = (),
    unserved: UnservedRows = (),
    trials: Sequence[Trial] = (),
    appointments: AppointmentRows = (),
) -> RunDocument:
    """The document of a run that ended or still goes on; its checks judge what is there.

    ``now_s``: the Unix time up to which one that goes on was seen. ``offered`` and ``unserved``:
    what a schedule offered, and what of it never began; ``trials``: those of a search for the
    capacity; ``appointments``: what became of those of a run by the clock.

    ``with_state`` puts the metrics' own state into it where not every event is kept: a report
    cannot be made again without. See ``Figures.result`` for the others.
    """
    span = span_of(run, completeness, now_s)
    totals = completeness.arrivals
    by_clock = completeness.appointments
    appointments = in_order(appointments)
    schedule = Offered(
        offered,
        unserved,
        None if totals is UNSET else totals,
        appointments,
        None if by_clock is UNSET else by_clock,
        trials,
        starved := _starved(completeness),
    )
    results = figures.result(users, planned, candidates, thresholds, span, offered=schedule)
    judge = partial(evaluate_search, trials=trials) if trials else evaluate
    checks = judge(
        thresholds,
        results,
        selected_phases=run.phases,
        left_out=run.left_out,
        complete=completeness.complete,
        there_are=AskedScenario.of(scenario).questions(),
        starved=starved,
    )
    document = msgspec.convert(results, RunDocument)
    document.run, document.scenario, document.completeness = run, scenario, completeness
    document.checks, document.verdict = checks, overall(checks)
    document.users, document.thresholds = users, list(thresholds)
    document.candidates = candidates
    if schedule.totals is not None:
        document.offered, document.unserved = [*offered], [*unserved]
    if trials:
        document.trials = [*trials]
    if schedule.appointment_totals is not None:
        document.appointments = appointments
    _speak_of(document)
    if not run.keeps_all:
        _leave_queries_out(document)
        if with_state:
            document.state = without_queries(figures.state())
    return document


def _leave_queries_out(document: RunDocument) -> None:
    """No text of a query stands in the report that does not stand in the evidence."""
    found = document.examples
    for reissue in document.worst_reissues:
        reissue.query = ""
    for one in (*found.missed_handovers, *found.slowest_searches, *found.lowest_ratings):
        one.query = ""


def _starved(completeness: Completeness) -> Starved | None:
    """Why waits cannot be told from the load generator's own; None where they can.

    Without a schedule a process that is full makes less load, and its latencies are near the
    services' own: the report says so, and the checks stand.
    """
    share = completeness.saturated_share
    if share <= MOST_SATURATED or not completeness.has_schedule:
        return None
    own_s = max(
        LONGEST_SECOND_S * worker.seconds_saturated
        if worker.own_wait_s is None
        else worker.own_wait_s
        for worker in completeness.workers
    )
    return Starved(
        f"the load generator did not keep up in {percent(share)} of its seconds (its own timer was "
        "late, or it took over 90 % of a core): waits cannot be told from its own",
        (own_s + LONGEST_SECOND_S) * 1000,
    )


def _speak_of(document: RunDocument) -> None:
    """Readings in the scenario's words, and of messages only the fields that it reads."""
    for reading in document.readings.values():
        reading.meaning = document.words.fill(reading.meaning)
    fields = document.scenario.get("parse")
    if fields is None:
        return
    for section in (document.metrics, *document.load_curve):
        if its := section.get("inbox", {}).get("fields"):
            section["inbox"]["fields"] = {name: its[name] for name in its if name in fields}


def span_of(run: RunSection, completeness: Completeness, now_s: float | None) -> RunSpan | None:
    """When the run was, and how sure its workers' clocks are; None where that is not known."""
    end_s = run.ended.timestamp() if run.ended else now_s
    if run.started is None or end_s is None:
        return None
    errors = [worker.clock_error_s for worker in completeness.workers]
    known = [error for error in errors if error is not None and 0 <= error <= MOST_CLOCK_ERROR_S]
    pauses = [pause for worker in completeness.workers for pause in worker.pauses]
    return RunSpan(run.started.timestamp(), end_s, max(known, default=0.0), pauses)


def document_of(path: Path, head: Mapping[str, Any]) -> RunDocument:
    """``head``, as it was read from ``path``, typed; keys that this version lacks are left out.

    Raises UsageError, naming the place, where it is no head of a run.
    """
    try:
        document = msgspec.convert(head, RunDocument)
        for part in ("asked", "words", "speed", "bands", "silences"):
            getattr(document, part)
    except (msgspec.ValidationError, AttributeError) as error:
        raise UsageError(f"{path}: {error}; expected the head of a run") from error
    if not MIX_NAMES.isdisjoint(document.run.phases):
        add_mix()
    if not 0 <= document.run.k <= MOST_K:
        k = _short(document.run.k)
        raise UsageError(f"{path}: run.k is {k}; expected at most {MOST_K:,}")
    return document


def head_of(document: RunDocument, stored: Mapping[str, Any] | None = None) -> Json:
    """The document as JSON has it, without ``events``.

    ``stored`` is the head that it was made again from: what that has beyond the keys of this
    version is kept, for a newer version or another tool may know what it means.
    """
    plain: Json = msgspec.to_builtins(document)
    beyond = stored or {}
    for key, type_ in (("run", RunSection), ("completeness", Completeness)):
        plain[key] |= _unknown(beyond.get(key, {}), type_)
    return plain | _unknown(beyond, RunDocument, "planned")


def _unknown(stored: Mapping[str, Any], type_: type[msgspec.Struct], *known: str) -> Json:
    names = (*type_.__struct_fields__, *known)
    return {key: value for key, value in stored.items() if key not in names}


def _short(number: int) -> str:
    text = str(number)
    return text if len(text) <= 20 else f"a number of {len(text)} digits"  # noqa: PLR2004  (of 64 bits)
