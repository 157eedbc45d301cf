"""Whether all that was made has arrived: counted where it was made and where it came in."""

from __future__ import annotations

from typing import Any

from harness.master_run import MasterRun
from harness.roll import WorkerPart
from harness.traces import total_counts


def completeness(run: MasterRun, events_merged: int, events_kept: int) -> dict[str, Any]:
    """The report's completeness section. ``complete`` is what verdicts depend on."""
    parts = sorted(run.roll.parts.values(), key=lambda part: part.name)
    events_made = sum(part.events_made for part in parts)
    return {
        "complete": not (faults := _faults(run, parts, events_merged, events_kept)),
        "faults": faults,
        "events_made": events_made,
        "events_merged": events_merged,
        "events_kept": events_kept,
        "workers": [_worker(part) for part in parts],
        "user_errors": len(run.user_errors),
        "tracing": tracing(run) | {"read_back": run.read_back},
    }


def completeness_so_far(run: MasterRun, events_merged: int) -> dict[str, Any]:
    """The same while the run goes on: a worker is missed only where Locust misses it."""
    parts = sorted(run.roll.parts.values(), key=lambda part: part.name)
    faults = [fault for part in parts if part.lost for fault in faults_of(part)]
    faults += [f"evidence: {run.segment.error}"] if run.segment.error else []
    return {
        "complete": not (faults := faults + _broken_down(run)),
        "faults": faults,
        "events_made": sum(part.events_made for part in parts),
        "events_merged": events_merged,
        "workers": [_worker(part) | {"lost": part.lost} for part in parts],
        "user_errors": len(run.user_errors),
        "tracing": tracing(run),
    }


def _broken_down(run: MasterRun) -> list[str]:
    users = [f"a coordinator broke down: {error}" for error in sorted({*run.user_errors})]
    users += sorted(run.worker_faults)
    return users + [f"the master could not see to the run: {x}" for x in sorted(run.own_errors)]


def _faults(
    run: MasterRun, parts: list[WorkerPart], events_merged: int, events_kept: int
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
    if run.segment.error:
        faults.append(f"evidence: {run.segment.error}")
    return faults + _broken_down(run)


def faults_of(part: WorkerPart) -> list[str]:
    """What is missing of one worker."""
    faults = []
    if part.drained is None:
        faults.append(f"{part.name} was lost; {part.events_told} events are known of it")
    elif part.drained.evidence_fault:
        faults.append(f"evidence of {part.name}: {part.drained.evidence_fault}")
    if part.drained is not None and part.drained.unheard:
        faults.append(f"{part.name} heard nothing of the master and stopped its users early")
    if part.drained is not None and part.evidence_missing:
        faults.append(
            f"{part.evidence_missing} of {part.drained.segment_bytes} bytes of the evidence of "
            f"{part.name} never arrived; its machine has them in {part.drained.segment_path}"
        )
    if gaps := part.gaps():
        faults.append(f"{gaps} reports of {part.name} never arrived")
    return faults


def _worker(part: WorkerPart) -> dict[str, Any]:
    return {
        "name": part.name,
        "boot": part.boot,
        "events": part.events_made,
        "lost": part.drained is None,
        "reports": part.deltas,
        "reports_missing": part.gaps(),
        "reports_repeated": part.deltas_repeated,
        "tracing": part.tracing or None,
    }


def tracing(run: MasterRun) -> dict[str, Any]:
    """Observations and ``scores`` over all processes; the ``master`` makes scores only."""
    master = run.traces.counts
    parts = sorted(run.roll.parts.values(), key=lambda part: part.name)
    told = [part.tracing for part in parts if part.tracing]
    return {"on": run.traces.on, **total_counts([*told, master]), "master": master}
