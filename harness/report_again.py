"""The report made again from a run's files: of a run that was cut off, or of one that ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from evidence.history import History, RunFile, events_of, read_run
from evidence.numbering import ReportPaths
from evidence.report import write_report
from harness.description import COORDINATORS_NAMED
from harness.recount import recount
from metrics.checks import Check, evaluate, overall
from metrics.figures import Figures
from services.errors import MisuseError

ENDINGS = (".events.jsonl", ".json")


def report_again(file: Path) -> tuple[str, str]:
    """Count all figures again and write the report beside ``file``: the verdict, and a line."""
    run = read_run(file)
    head = counted_again(run)
    paths = _paths(file)
    write_report(paths, head, run)
    verdict = str(head["verdict"])
    return verdict, f"{verdict}: {paths.markdown}, {paths.html}, {paths.json}"


def counted_again(run: RunFile) -> dict[str, Any]:
    """The run's document without its events, every figure counted from what its files hold."""
    stored = run.head
    try:
        figures = Figures(stored["run"]["k"])
        checks = msgspec.convert(stored["thresholds"], list[Check])
    except (KeyError, msgspec.ValidationError) as fault:
        raise MisuseError(f"{run.path}: {fault} in its head; expected the file of a run") from fault
    events = recount(run, figures).total()
    users = [(int(second), number) for second, number in run.users()]
    planned = _planned(stored.get("metrics", {}))
    results = figures.result(users, planned, stored["candidates"], checks)
    counted = stored.get("completeness") or _cut_off(run, results["metrics"]["events"], events)
    outcomes = evaluate(
        checks,
        results,
        selected_phases=stored["run"]["phases"],
        complete=counted["complete"],
    )
    return {
        **stored,
        "run": stored["run"] if "completeness" in stored else _as_seen(run, users),
        "verdict": overall(outcomes),
        "checks": msgspec.to_builtins(outcomes),
        **results,
        "completeness": counted,
        "users": users,
        **(
            {}
            if stored["run"].get("evidence", "all") in ("all", "full")
            else {"state": figures.state()}
        ),
    }


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
    raise MisuseError(f"{file}: expected a file that ends in {' or '.join(ENDINGS)}")
