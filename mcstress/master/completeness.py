"""Whether all that was made has arrived: counted where it was made and where it came in."""

from __future__ import annotations

import os.path
from collections.abc import Sequence

import msgspec

from mcstress.cluster.tracing import READ_BACK_WITHIN_S, total_counts
from mcstress.evidence.document_parts import Completeness, ProcessTraces, Tracing, WorkerPart
from mcstress.master.run_state import RunState
from mcstress.master.worker_registry import WorkerState
from mcstress.process.clock_watch import notices


def completeness(
    run: RunState, events_merged: int, events_kept: int, found: Sequence[str] = ()
) -> Completeness:
    """The report's completeness section. ``complete`` is what verdicts depend on.

    ``found`` are faults of the evidence files as they were read back.
    """
    parts = sorted(run.roll.parts.values(), key=lambda part: part.name)
    counted = _counted(run, parts, [*_faults(run, parts, events_merged, events_kept), *found])
    counted.events_merged, counted.events_kept = events_merged, events_kept
    counted.tracing.read_back = run.read_back
    counted.tracing.read_back_within_s = READ_BACK_WITHIN_S
    return counted


def completeness_so_far(run: RunState, events_merged: int) -> Completeness:
    """The same while the run goes on: a worker is missed only where Locust misses it."""
    parts = sorted(run.roll.parts.values(), key=lambda part: part.name)
    faults = [fault for part in parts if part.lost for fault in faults_of(part)]
    faults += evidence_faults(run)
    counted = _counted(run, parts, faults + _broken_down(run))
    counted.events_merged = events_merged
    for part, told in zip(parts, counted.workers, strict=True):
        told.lost = part.lost
    return counted


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
    )


def evidence_faults(run: RunState) -> list[str]:
    """What the disks refuse, while the run goes on."""
    parts = sorted(run.roll.parts.values(), key=lambda part: part.name)
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
    return [*of_clock, *run.notices()] + [
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
        tracing=msgspec.convert(part.tracing, ProcessTraces) if part.tracing else None,
    )


def tracing(run: RunState) -> Tracing:
    """Observations and ``scores`` over all processes; the ``master`` makes scores only.

    ``faults``: workers that traced nothing, and why; tracing changes no verdict. ``spools`` are
    files on this machine, ``spools_elsewhere`` those of workers on others.
    """
    master = run.traces.counts
    parts = sorted(run.roll.parts.values(), key=lambda part: part.name)
    told = [part.tracing for part in parts if part.tracing]
    total = total_counts([*told, master])
    away = [(part, path) for part in parts for path in _away(part)]
    counted = msgspec.convert(total, Tracing)
    counted.on, counted.mask = run.traces.on, run.settings.mask
    elsewhere = {path for _, path in away}
    counted.spools = [path for path in counted.spools or () if path not in elsewhere]
    counted.spools_elsewhere = [f"{path} on {part.machine} ({part.name})" for part, path in away]
    counted.faults = [_untraced(part) for part in parts if part.tracing.get("fault")]
    counted.master = msgspec.convert(master, ProcessTraces)
    return counted


def _away(part: WorkerState) -> list[str]:
    """The spools of a worker whose disk this machine does not see."""
    # A path is what a worker says, which Path refuses where it is long; os.path takes any.
    spools = [] if part.local else part.tracing.get("spools", [])
    return [path for path in spools if not os.path.isfile(path)]  # noqa: PTH113  (see above)


def _untraced(part: WorkerState) -> str:
    return f"{part.name} on {part.machine} traced nothing: {part.tracing['fault']}"
