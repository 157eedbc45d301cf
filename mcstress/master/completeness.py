"""Whether all that was made has arrived: counted where it was made and where it came in."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from typing import Any

from mcstress.cluster.tracing import READ_BACK_WITHIN_S, total_counts
from mcstress.master.run_state import RunState
from mcstress.master.worker_registry import WorkerState
from mcstress.process.clock_watch import notices
from mcstress.tracing.sink import SinkName

LANGFUSE: SinkName = "langfuse"


def completeness(
    run: RunState, events_merged: int, events_kept: int, found: Sequence[str] = ()
) -> dict[str, Any]:
    """The report's completeness section. ``complete`` is what verdicts depend on.

    ``found`` are faults of the evidence files as they were read back.
    """
    parts = sorted(run.roll.parts.values(), key=lambda part: part.name)
    events_made = sum(part.events_made for part in parts)
    return {
        "complete": not (faults := [*_faults(run, parts, events_merged, events_kept), *found]),
        "faults": faults,
        "notices": _notices(run, parts),
        "events_made": events_made,
        "events_merged": events_merged,
        "events_kept": events_kept,
        "workers": [_worker(part) for part in parts],
        "user_errors": len(run.user_errors),
        "tracing": tracing(run)
        | {
            "read_back": run.read_back.get(LANGFUSE),
            "read_back_within_s": READ_BACK_WITHIN_S,
        },
    }


def completeness_so_far(run: RunState, events_merged: int) -> dict[str, Any]:
    """The same while the run goes on: a worker is missed only where Locust misses it."""
    parts = sorted(run.roll.parts.values(), key=lambda part: part.name)
    faults = [fault for part in parts if part.lost for fault in faults_of(part)]
    faults += evidence_faults(run)
    return {
        "complete": not (faults := faults + _broken_down(run)),
        "faults": faults,
        "notices": _notices(run, parts),
        "events_made": sum(part.events_made for part in parts),
        "events_merged": events_merged,
        "workers": [_worker(part) | {"lost": part.lost} for part in parts],
        "user_errors": len(run.user_errors),
        "tracing": tracing(run),
    }


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


def _worker(part: WorkerState) -> dict[str, Any]:
    return {
        "name": part.name,
        "boot": part.boot,
        "events": part.events_made,
        "lost": part.drained is None,
        "reports": part.deltas,
        "reports_missing": part.gaps(),
        "reports_repeated": part.deltas_repeated,
        "tracing": part.tracing.get(LANGFUSE),
        "sinks": {name: told for name, told in part.tracing.items() if name != LANGFUSE},
    }


def tracing(run: RunState) -> dict[str, Any]:
    """Observations and ``scores`` of all processes, to Langfuse; the ``master`` makes scores only.

    ``sinks`` lists every sink that is on, with the same counts and with its address, ``where``.
    ``faults``: workers that traced nothing, and why; tracing changes no verdict. ``spools`` are
    files on this machine, ``spools_elsewhere`` those of workers on others.
    """
    on = [sink.where for sink in run.traces.sinks]
    counts = by_sink(run)
    return {
        "on": any(where.sink == LANGFUSE for where in on),
        "mask": run.settings.mask,
        **_of_sink(run, LANGFUSE),
        "sinks": [{"sink": sink, "where": url, **counts[sink]} for sink, url in on],
    }


def by_sink(run: RunState) -> dict[SinkName, dict[str, Any]]:
    """What became of everything, for each sink that is on."""
    return {sink.where.sink: _of_sink(run, sink.where.sink) for sink in run.traces.sinks}


def _of_sink(run: RunState, sink: SinkName) -> dict[str, Any]:
    parts = sorted(run.roll.parts.values(), key=lambda part: part.name)
    told = [(part, part.tracing[sink]) for part in parts if sink in part.tracing]
    master = run.traces.counts.get(sink, {})
    total = total_counts([*(counts for _, counts in told), master])
    away = [(part, path) for part, counts in told for path in _away(part, counts)]
    return {
        **total,
        "spools": [path for path in total["spools"] if path not in {path for _, path in away}],
        "spools_elsewhere": [f"{path} on {part.machine} ({part.name})" for part, path in away],
        "faults": [
            f"{part.name} on {part.machine} traced nothing: {counts['fault']}"
            for part, counts in told
            if counts.get("fault")
        ],
        "master": master or total_counts([]),
    }


def _away(part: WorkerState, counts: dict[str, Any]) -> list[str]:
    """The spools of a worker whose disk this machine does not see."""
    # A path is what a worker says, which Path refuses where it is long; os.path takes any.
    spools = [] if part.local else counts.get("spools", [])
    return [path for path in spools if not os.path.isfile(path)]  # noqa: PTH113  (see above)
