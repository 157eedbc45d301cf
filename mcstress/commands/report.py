"""The report made again from a run's files: of a run that was cut off, or of one that ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from mcstress.errors import UsageError
from mcstress.evidence.report.write import views_of, write_report
from mcstress.evidence.store.history import History, RunFile, blaming, events_of, read_run
from mcstress.evidence.store.integrity import NO_DIGEST, WHOLE
from mcstress.evidence.store.paths import ReportPaths
from mcstress.master.recount import recount
from mcstress.master.run_info import COORDINATORS_NAMED
from mcstress.metrics.checks import Check, evaluate, overall
from mcstress.metrics.figures import Figures

ENDINGS = (".events.jsonl", ".json")
_NOT_OF_A_REPORT = ("planned", "integrity")


def report_again(file: Path, *, skip_damaged: bool = False) -> tuple[str, str]:
    """Count all figures again and write the report beside ``file``: the verdict, and a line.

    Raises UsageError where ``file`` cannot be read, OSError where no report can be written. A
    report that says more than the new one stays as it is: the new one has a name of its own.
    """
    run = read_run(file, skip_damaged=skip_damaged)
    with blaming(run):
        head = counted_again(run)
    paths = _paths(file)
    kept = ""
    if said := _says_more(paths.json, head["completeness"]):
        kept = f"; {paths.json} said that it {said}, and stays as it is"
        paths = ReportPaths(paths.folder, f"{paths.run_id}-recount")
        head["run"] = head["run"] | {"evidence_path": str(paths.json)}
    with blaming(run):  # before anything is written: a head of the wrong shape shows itself here
        views = views_of(head)
    write_report(paths, head, run, views)
    verdict = str(head["verdict"])
    written = f"{verdict}: {paths.markdown}, {paths.html}, {paths.json}{kept}"
    return verdict, "\n".join([written, *_told(head["completeness"])])


def _told(counted: dict[str, Any]) -> list[str]:
    missing = [f"missing {fault}" for fault in counted["faults"]]
    return missing + [f"note: {notice}" for notice in counted.get("notices", [])]


def counted_again(run: RunFile) -> dict[str, Any]:
    """The run's document without its events, every figure counted from what its files hold."""
    stored = run.head
    try:
        figures = Figures(stored["run"]["k"])
        checks = msgspec.convert(stored["thresholds"], list[Check])
    except (KeyError, msgspec.ValidationError) as fault:
        raise UsageError(f"{run.path}: {fault} in its head; expected the file of a run") from fault
    by_worker = recount(run, figures)
    users = [(int(second), number) for second, number in run.users()]
    planned = stored.get("planned") or _planned(stored.get("metrics", {}))
    results = figures.result(users, planned, stored["candidates"], checks)
    events = results["metrics"]["events"]
    ended = "completeness" in stored
    before = stored["completeness"] if ended else _cut_off(run, events, by_worker.total())
    counted = _looked_over(run, before, events["total"])
    outcomes = evaluate(
        checks,
        results,
        selected_phases=stored["run"]["phases"],
        left_out=stored["run"].get("left_out", {}),
        complete=counted["complete"],
    )
    evidence = stored["run"].get("evidence", "all")
    return {
        **{key: stored[key] for key in stored if key not in _NOT_OF_A_REPORT},
        "run": stored["run"] if ended else _as_seen(run, users),
        "verdict": overall(outcomes),
        "checks": msgspec.to_builtins(outcomes),
        **results,
        "completeness": counted,
        "users": users,
        **({} if evidence in WHOLE else {"state": figures.state()}),
    }


def _looked_over(run: RunFile, before: dict[str, Any], events: int) -> dict[str, Any]:
    """The completeness that was stated, with what the files show beyond it."""
    faults = [fault for fault in run.faults() if fault not in before["faults"]]
    merged = before.get("events_merged")
    if not faults and merged is not None and merged != events:
        faults.append(f"{merged:,} events were in the figures, and {events:,} are")
    notices = list(before.get("notices", []))
    if not run.has_digests and not isinstance(run, History) and NO_DIGEST not in notices:
        notices.append(NO_DIGEST)
    counted = before | ({"notices": notices} if notices else {})
    if not faults:
        return counted
    return counted | {
        "complete": False,
        "faults": [*before["faults"], *faults],
        "events_merged": events,
        "events_kept": len(run.order),
    }


def _says_more(path: Path, counted: dict[str, Any]) -> str:
    """What a document at ``path`` has and the one with ``counted`` has not; empty: nothing."""
    if not path.is_file():
        return ""
    try:
        before = read_run(path, skip_damaged=True).head.get("completeness", {})
    except UsageError:
        return ""
    if before.get("complete") and not counted["complete"]:
        return "is complete"
    if (before.get("events_kept") or 0) > (counted["events_kept"] or 0):
        return f"holds {before['events_kept']:,} events"
    if {*counted["faults"]} - {*before.get("faults", [])}:
        return "has fewer faults"
    return ""


def _as_seen(run: RunFile, users: list[tuple[int, int]]) -> dict[str, Any]:
    """The run section of a run that was cut off: what its first line could not know yet."""
    seen: dict[str, str] = {}
    ended = None
    for event in events_of(run):
        if event.namespace and len(seen) < COORDINATORS_NAMED:
            seen.setdefault(event.coordinator, event.namespace)
        ended = event.time
    return {
        **run.head["run"],
        "ended": ended,
        "stopped_by": "cut off",
        "peak_users": max((number for _, number in users), default=0),
        "coordinators": [
            {"name": name, "namespace": namespace} for name, namespace in sorted(seen.items())
        ],
    }


def _planned(section: dict[str, Any], path: str = "") -> dict[str, int]:
    """What the run had planned for each figure, as its document says."""
    planned = {path: section["planned"]} if "planned" in section else {}
    for name, part in section.items():
        if isinstance(part, dict):
            planned |= _planned(part, f"{path}.{name}" if path else name)
    return planned


def _cut_off(run: RunFile, events: dict[str, Any], kept: int) -> dict[str, Any]:
    """The completeness of a run that never said that it ended."""
    files = run.unfinished if isinstance(run, History) else []
    return {
        "complete": False,
        "faults": [f"the run was cut off: {path.name} has no end" for path in files]
        or ["the run was cut off before its report"],
        "events_made": None,
        "events_merged": events["total"],
        "events_kept": kept,
        "workers": [],
        "user_errors": None,
        "tracing": {},
    }


def _paths(file: Path) -> ReportPaths:
    for ending in ENDINGS:
        if file.name.endswith(ending):
            stem = file.name.removesuffix(ending)
            return ReportPaths(file.parent, stem.removeprefix("multi_coord_stress_").split(".")[0])
    raise UsageError(f"{file}: expected a file that ends in {' or '.join(ENDINGS)}")
