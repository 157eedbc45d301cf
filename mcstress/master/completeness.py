"""Whether all that was made has arrived: counted where it was made and where it came in."""

from __future__ import annotations

import os.path
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from mcstress.cluster.tracing import READ_BACK_WITHIN_S
from mcstress.evidence.document_parts import (
    Completeness,
    ProcessTraces,
    SinkTotal,
    SinkTracing,
    TraceCount,
    Tracing,
    WorkerPart,
)
from mcstress.master.offered_load import totals_of
from mcstress.master.run_state import ENDED_BY_LOSS, RunState
from mcstress.master.scenario_clock import appointment_totals
from mcstress.master.worker_registry import WorkerState
from mcstress.metrics.arrivals import ArrivalTotals
from mcstress.process.clock_watch import notices
from mcstress.tracing.delivery_counts import SinkCounts
from mcstress.tracing.sink import LANGFUSE, TITLES, SinkName


def completeness(
    run: RunState,
    events_merged: int,
    events_kept: int,
    found: Sequence[str] = (),
    *,
    scheduled: int = 0,
) -> Completeness:
    """The report's completeness section. ``complete`` is what verdicts depend on.

    ``found`` are faults of the evidence files as they were read back; ``scheduled``: how many of
    the events merged are of a schedule.
    """
    parts = sorted(run.registry.parts.values(), key=lambda part: part.name)
    arrivals, lacking = _arrivals(run, parts, scheduled, over=True)
    faults = [*_faults(run, parts, events_merged, events_kept), *lacking, *found]
    counted = _counted(run, parts, faults)
    counted.arrivals = arrivals
    _count_appointments(run, parts, counted)
    counted.events_merged, counted.events_kept = events_merged, events_kept
    counted.tracing.read_back = run.read_back.get(LANGFUSE)
    counted.tracing.read_back_within_s = READ_BACK_WITHIN_S
    for sink in counted.tracing.sinks or ():
        sink.read_back, sink.read_back_within_s = run.read_back.get(sink.sink), READ_BACK_WITHIN_S
    return counted


def completeness_so_far(run: RunState, events_merged: int, scheduled: int = 0) -> Completeness:
    """The same while the run goes on: a worker is missed only where Locust misses it."""
    parts = sorted(run.registry.parts.values(), key=lambda part: part.name)
    faults = [fault for part in parts if part.lost for fault in faults_of(part)]
    faults += evidence_faults(run)
    arrivals, lacking = _arrivals(run, parts, scheduled, over=False)
    counted = _counted(run, parts, [*faults, *lacking, *_broken_down(run)])
    counted.arrivals = arrivals
    _count_appointments(run, parts, counted)
    counted.events_merged = events_merged
    for part, told in zip(parts, counted.workers, strict=True):
        told.lost = part.lost
    return counted


def _arrivals(
    run: RunState, parts: list[WorkerState], scheduled: int, *, over: bool
) -> tuple[ArrivalTotals | UnsetType, list[str]]:
    """What became of a schedule's arrivals, and what is not known of them."""
    if run.offering is None:
        return UNSET, []
    totals, faults = totals_of(run.offering, parts, scheduled, over=over), []
    if totals.unknown:
        told = f"{totals.unknown:,} of {totals.offered:,} arrivals"
        faults.append(f"what became of {told} is unknown")
    if passed := run.offering.passed:
        faults.append(f"{passed:,} seconds of the schedule were never offered: the master was busy")
    return totals, faults


def _count_appointments(run: RunState, parts: list[WorkerState], counted: Completeness) -> None:
    """Say what became of the clock's; one of which that is not known makes it incomplete."""
    if run.clock is None:
        return
    totals = counted.appointments = appointment_totals(run.clock, parts, run.clock.rows)
    if totals.unknown:
        told = f"{totals.unknown:,} of {totals.offered:,} appointments"
        counted.faults.append(f"what became of {told} is unknown")
        counted.complete = False


def _counted(run: RunState, parts: list[WorkerState], faults: list[str]) -> Completeness:
    """What both say: with any of ``faults``, not all is there."""
    return Completeness(
        complete=not faults,
        faults=faults,
        notices=_notices(run, parts),
        events_made=sum(part.events_made for part in parts),
        workers=[_worker(part) for part in parts],
        user_errors=len(run.user_errors),
        tracing=tracing(run),
        mail=run.mail.count(parts) if run.mail else UNSET,
    )


def evidence_faults(run: RunState) -> list[str]:
    """What the disks refuse, while the run goes on."""
    parts = sorted(run.registry.parts.values(), key=lambda part: part.name)
    faults = [
        f"evidence of {part.name}: {part.evidence_fault}; {part.events_unkept:,} events not kept"
        for part in parts
        if part.evidence_fault and part.drained is None
    ]
    local = any(part.local for part in parts)
    return faults + ([f"evidence: {run.segment.error}"] if run.segment.error and not local else [])


def _notices(run: RunState, parts: list[WorkerState]) -> list[str]:
    """What a reader must know and nothing is missing for."""
    own = run.clock_watch.steps
    others = [part for part in parts if part.drained and not part.local]
    of_clock = notices(own, "the master" if others else "this machine")
    return [*run.said, *of_clock, *run.notices()] + [
        notice
        for part in others
        if part.drained and len(part.drained.clock_steps) != len(own)
        for notice in notices(part.drained.clock_steps, part.name)
    ]


def _broken_down(run: RunState) -> list[str]:
    users = [f"a coordinator broke down: {error}" for error in sorted({*run.user_errors})]
    users += sorted(run.worker_faults)
    return users + [f"the master could not see to the run: {x}" for x in sorted(run.own_errors)]


def _faults(
    run: RunState, parts: list[WorkerState], events_merged: int, events_kept: int
) -> list[str]:
    faults = [fault for part in parts for fault in faults_of(part)]
    made = sum(part.events_made for part in parts)
    if made != events_merged:
        faults.append(f"{made} events were made and {events_merged} are in the figures")
    kept = sum(part.drained.events_kept for part in parts if part.drained)
    if all(part.drained for part in parts) and kept != events_kept:
        faults.append(f"{kept} events were kept and {events_kept} are in the report")
    if run.stopped_by == ENDED_BY_LOSS:
        faults.append(f"the run ended early: {ENDED_BY_LOSS}")
    if run.absent_users:
        faults.append(f"{run.absent_users} users that were asked for never took part")
    if run.segment.error and not any(part.local for part in parts):
        faults.append(f"evidence: {run.segment.error}")
    return faults + _broken_down(run)


def faults_of(part: WorkerState) -> list[str]:
    """What is missing of one worker."""
    faults = []
    if part.drained is None:
        faults.append(f"{part.name} was lost; {part.events_told} events are known of it")
    elif part.drained.evidence_fault:
        lost = f"; {part.drained.events_lost:,} events were not kept"
        told = part.drained.evidence_fault + (lost if part.drained.events_lost else "")
        faults.append(f"evidence of {part.name}: {told}")
    if part.drained is not None and part.drained.unheard:
        faults.append(f"{part.name} heard nothing of the master and stopped its users early")
    if part.drained is not None and part.evidence_missing:
        faults.append(
            f"{part.evidence_missing} of {part.drained.segment_bytes} bytes of the evidence of "
            f"{part.name} never arrived; its machine{_called(part)} has them in "
            f"{part.drained.segment_path}"
        )
    if gaps := part.gaps():
        faults.append(f"{gaps} reports of {part.name} never arrived")
    return faults


def _called(part: WorkerState) -> str:
    return f", {part.machine}," if part.machine else ""


def _worker(part: WorkerState) -> WorkerPart:
    sinks: dict[str, ProcessTraces] = {
        sink: _traces(counts) for sink, counts in part.tracing.items()
    }
    return WorkerPart(
        name=part.name,
        boot=part.boot,
        events=part.events_made,
        lost=part.drained is None,
        reports=part.deltas,
        reports_missing=part.gaps(),
        reports_repeated=part.deltas_repeated,
        clock_offset_s=part.clock_offset_s,
        clock_error_s=part.clock_error_s,
        seconds_watched=part.seconds_watched,
        seconds_saturated=part.seconds_saturated,
        own_wait_s=part.own_wait_s,
        pauses=sorted(part.pauses, key=lambda pause: pause.begin),
        tracing=sinks.get(LANGFUSE),
        sinks=sinks,
    )


def _traces(counts: SinkCounts) -> ProcessTraces:
    told = msgspec.convert(counts, ProcessTraces, from_attributes=True)
    told.fault = counts.fault or UNSET
    return told


def tracing(run: RunState) -> Tracing:
    """Observations and ``scores`` of all processes; the ``master`` makes scores only.

    Every sink that is on is in ``sinks``; the counts beside them are Langfuse's.
    """
    sinks = sink_totals(run)
    langfuse = next((sink for sink in sinks if sink.sink == LANGFUSE), _total(run, LANGFUSE))
    counts = {name: getattr(langfuse, name) for name in SinkTotal.__struct_fields__}
    on = any(sink is langfuse for sink in sinks)
    return Tracing(on=on, mask=run.settings.mask, sinks=sinks, **counts)


def sink_totals(run: RunState) -> list[SinkTracing]:
    """What became of everything, for each sink that is on."""
    return [_total(run, *sink.where) for sink in run.traces.sinks]


def _total(run: RunState, sink: SinkName, where: str = "") -> SinkTracing:
    """``faults``: workers that traced nothing, and why; tracing changes no verdict.

    ``spools`` are files on this machine, ``spools_elsewhere`` those of workers on others.
    """
    parts = sorted(run.registry.parts.values(), key=lambda part: part.name)
    told = [(part, part.tracing[sink]) for part in parts if sink in part.tracing]
    master = run.traces.counts.get(sink, SinkCounts())
    total = SinkCounts.total([*(counts for _, counts in told), master])
    away = [(part, path) for part, counts in told for path in _away(part, counts)]
    elsewhere = {path for _, path in away}
    return SinkTracing(
        sink=sink,
        title=TITLES[sink],
        where=where,
        made=total.made,
        sampled_out=total.sampled_out,
        delivered=total.delivered,
        spooled=total.spooled,
        dropped=total.dropped,
        scores=msgspec.convert(total.scores, TraceCount, from_attributes=True),
        spools=[path for path in total.spools if path not in elsewhere],
        spools_elsewhere=[f"{path} on {part.machine} ({part.name})" for part, path in away],
        faults=[
            f"{part.name} on {part.machine} traced nothing: {counts.fault}"
            for part, counts in told
            if counts.fault
        ],
        master=_traces(master),
    )


def _away(part: WorkerState, counts: SinkCounts) -> list[str]:
    """The spools of a worker whose disk this machine does not see."""
    # A path is what a worker says, which Path refuses where it is long; os.path takes any.
    spools = [] if part.local else counts.spools
    return [path for path in spools if not os.path.isfile(path)]  # noqa: PTH113  (see above)
