"""The report made again from a run's files: of a run that was cut off, or of one that ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from mcstress.errors import UsageError
from mcstress.evidence.document_parts import Completeness, CoordinatorNote, RunSection
from mcstress.evidence.report.write import texts_of, write_report
from mcstress.evidence.report.writers import Assets
from mcstress.evidence.run_document import RunDocument, build
from mcstress.evidence.store.history import History, RunFile, blaming, events_of, read_run
from mcstress.evidence.store.integrity import NO_DIGEST
from mcstress.evidence.store.paths import STEM, ReportPaths
from mcstress.master.finalize import recount
from mcstress.master.run_info import COORDINATORS_NAMED
from mcstress.metrics.appointments import totals
from mcstress.metrics.arrivals import ArrivalTotals, total
from mcstress.metrics.event import utc
from mcstress.metrics.figures import Figures

ENDINGS = (".events.jsonl", ".json")
NEEDED = ("run", "thresholds", "candidates")
"""The keys without which nothing can be counted again as it was."""


def report_again(
    file: Path, *, skip_damaged: bool = False, assets: Assets = "inline"
) -> tuple[str, str]:
    """Count all figures again and write the report beside ``file``: the verdict, and a line.

    Raises UsageError where ``file`` cannot be read, OSError where no report can be written. A
    report that says more than the new one stays as it is: the new one has a name of its own.
    """
    run = read_run(file, skip_damaged=skip_damaged)
    if isinstance(run, History) and not run.has_main:
        raise UsageError(
            f"{file}: found a worker's file; expected beside it the main one of its run, "
            f"{STEM}_NNN.events.jsonl of the master, which says what was asked for"
        )
    with blaming(run):
        document = counted_again(run)
    paths = _paths(run.path, assets)  # of a worker's file, the main one's
    kept = ""
    if said := _says_more(paths.json, document.completeness):
        kept = f"; {paths.json} said that it {said}, and stays as it is"
        paths = ReportPaths(paths.folder, f"{paths.run_id}-recount", assets)
        document.run.evidence_path = str(paths.json)
    with blaming(run):  # before anything is written: a head of the wrong shape shows itself here
        texts = texts_of(document, assets)
    write_report(paths, document, run, texts, run.head)
    written = ", ".join(map(str, paths.reports.values()))
    told = f"{document.verdict}: {written}{kept}"
    return document.verdict, "\n".join([told, *_told(document.completeness)])


def _told(counted: Completeness) -> list[str]:
    missing = [f"missing {fault}" for fault in counted.faults]
    return missing + [f"note: {notice}" for notice in counted.notices]


def counted_again(run: RunFile) -> RunDocument:
    """The run's document, every figure counted from what its files hold."""
    stored = run.document
    for key in NEEDED:
        if key not in run.head:
            raise UsageError(f"{run.path}: {key!r} is not in its head; expected the file of a run")
    figures = Figures(stored.run.k)
    by_worker = recount(run, figures)
    users = [(int(second), number) for second, number in run.users()]
    before = stored.completeness
    if not run.has_ended:
        before = _cut_off(run, figures.events, by_worker.total())
        before.arrivals = _arrivals_cut_off(run, figures.scheduled)
        if stored.run.clock is not UNSET:
            before.appointments = totals(run.appointments())
    return build(
        msgspec.structs.replace(stored.run) if run.has_ended else _as_seen(run, users),
        stored.scenario,
        figures,
        _looked_over(run, before, figures.events),
        thresholds=stored.thresholds,
        users=users,
        planned=run.planned or _planned(stored.metrics),
        candidates=stored.candidates,
        with_state=True,
        offered=run.offered(),
        unserved=run.unserved(),
        trials=run.trials(),
        appointments=run.appointments(),
    )


def _looked_over(run: RunFile, before: Completeness, events: int) -> Completeness:
    """The completeness that was stated, with what the files show beyond it."""
    faults = [fault for fault in run.faults() if fault not in before.faults]
    merged = before.counts.get("events_merged")
    if not faults and merged is not None and merged != events:
        faults.append(f"{merged:,} events were in the figures, and {events:,} are")
    counted = msgspec.structs.replace(before)
    if not run.has_digests and not isinstance(run, History) and NO_DIGEST not in before.notices:
        counted.notices = [*before.notices, NO_DIGEST]
    if faults:
        counted.complete, counted.faults = False, [*before.faults, *faults]
        counted.events_merged, counted.events_kept = events, len(run.order)
    return counted


def _says_more(path: Path, counted: Completeness) -> str:
    """What a document at ``path`` has and the one with ``counted`` has not; empty: nothing."""
    if not path.is_file():
        return ""
    try:
        before = read_run(path, skip_damaged=True).document.completeness
    except UsageError:
        return ""
    if before.complete and not counted.complete:
        return "is complete"
    kept = before.counts.get("events_kept") or 0
    if kept > (counted.counts.get("events_kept") or 0):
        return f"holds {kept:,} events"
    if {*counted.faults} - {*before.faults}:
        return "has fewer faults"
    return ""


def _as_seen(run: RunFile, users: list[tuple[int, int]]) -> RunSection:
    """The run section of a run that was cut off: what its first line could not know yet."""
    seen: dict[str, str] = {}
    ended: datetime | None = None
    for event in events_of(run):
        if event.namespace and len(seen) < COORDINATORS_NAMED:
            seen.setdefault(event.coordinator, event.namespace)
        lasted = timedelta(milliseconds=event.lasted_ms or event.latency_ms)
        ended = max(ended or event.time, event.time + lasted)
    section = run.document.run
    if section.clock is not UNSET and isinstance(run, History):
        began = next((utc(record["time"]) for record in run.records("hour_0")), None)
        section.clock = msgspec.structs.replace(section.clock, hour_0=began)
    return msgspec.structs.replace(
        section,
        ended=ended,
        stopped_by="cut off",
        peak_users=max((number for _, number in users), default=0),
        coordinators=[CoordinatorNote(name=name, namespace=seen[name]) for name in sorted(seen)],
    )


def _planned(section: Mapping[str, Any], path: str = "") -> dict[str, int]:
    """What the run had planned for each figure, as its document says."""
    planned = {path: section["planned"]} if "planned" in section else {}
    for name, part in section.items():
        if isinstance(part, dict):
            planned |= _planned(part, f"{path}.{name}" if path else name)
    return planned


def _cut_off(run: RunFile, events: int, kept: int) -> Completeness:
    """The completeness of a run that never said that it ended."""
    files = run.unfinished if isinstance(run, History) else []
    return Completeness(
        complete=False,
        faults=[f"the run was cut off: {path.name} has no end" for path in files]
        or ["the run was cut off before its report"],
        events_made=None,
        events_merged=events,
        events_kept=kept,
        user_errors=None,
    )


def _arrivals_cut_off(run: RunFile, begun: int) -> ArrivalTotals | UnsetType:
    """What is known of a schedule's arrivals where nobody said what became of them."""
    seconds, rows = run.offered(), run.unserved()
    if not seconds:
        return UNSET
    missed, cut = total(rows, "missed"), total(rows, "cut")
    known = begun + missed + cut
    offered = max(known, sum(second.arrivals for second in seconds))
    return ArrivalTotals(
        offered=offered, begun=begun, missed=missed, cut=cut, unknown=offered - known
    )


def _paths(file: Path, assets: Assets) -> ReportPaths:
    for ending in ENDINGS:
        if file.name.endswith(ending):
            stem = file.name.removesuffix(ending)
            return ReportPaths(file.parent, stem.removeprefix(f"{STEM}_").split(".")[0], assets)
    raise UsageError(f"{file}: expected a file that ends in {' or '.join(ENDINGS)}")
