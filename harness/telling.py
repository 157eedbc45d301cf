"""Who is told of a run's end, beside the report: the terminal, JUnit's readers, GitHub."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from evidence.github import tell_github
from evidence.junit import write_junit
from evidence.markdown import markdown
from harness.master_run import MasterRun

MARKS = {"pass": "ok     ", "fail": "FAILED ", "unknown": "unknown", "skipped": "skipped"}
FATES = ("sampled_out", "delivered", "spooled")


def tell(run: MasterRun, head: dict[str, Any]) -> None:
    """Write what CI asked for."""
    if run.settings.junit:
        write_junit(Path(run.settings.junit), head)
    tell_github(head, markdown(head), os.environ, sys.stdout)


def summary(run: MasterRun, head: dict[str, Any]) -> str:
    """The figures that matter, for a terminal: a line a check, then where the report is."""
    lines = [
        f"{MARKS[check['verdict']]} {check['check']}: {check['reason']}" for check in head["checks"]
    ]
    counted = head["completeness"]
    lines += [f"missing {fault}" for fault in counted["faults"]]
    lines += [f"notice  {notice}" for notice in counted.get("notices", [])]
    lines += traced(counted["tracing"])
    paths = run.paths
    return "\n".join(
        [
            "",
            f"Run {run.run.label}: {head['verdict'].upper()}, {counted['events_merged']:,} events",
            *lines,
            f"Report: {paths.markdown}",
            f"        {paths.html}",
            f"        {paths.json}",
            "",
        ]
    )


def traced(tracing: dict[str, Any]) -> list[str]:
    """What became of the trace observations, and where those are that wait."""
    if not tracing["on"]:
        return []
    fates = {fate.replace("_", " "): tracing[fate] for fate in FATES}
    fates["dropped"] = sum(tracing["dropped"].values())
    fates["unaccounted for"] = tracing["made"] - sum(fates.values())
    told = [f"{tracing['made']:,} made"]
    told += [f"{number:,} {fate}" for fate, number in fates.items() if number]
    if tracing["read_back"] is not None:
        told.append(f"{tracing['read_back']:,} read back")
    waiting = [f"        not delivered, for mcstress replay: {path}" for path in tracing["spools"]]
    waiting += [
        f"        not delivered, for mcstress replay there: {path}"
        for path in tracing.get("spools_elsewhere", [])
    ]
    faults = [f"        {fault}" for fault in tracing.get("faults", [])]
    return [f"Traces: {', '.join(told)}", *faults, *waiting]
