"""Who is told of a run's end, beside the report: the terminal, JUnit's readers, GitHub."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mcstress.evidence.report.github import tell_github
from mcstress.evidence.report.junit import write_junit
from mcstress.evidence.report.markdown import markdown
from mcstress.evidence.report.words import visible
from mcstress.master.run_state import RunState
from mcstress.options import DEFAULT_LANGFUSE_ENV
from mcstress.tracing.sink import TITLES

MARKS = {"pass": "ok     ", "fail": "FAILED ", "unknown": "unknown", "skipped": "skipped"}
FATES = ("sampled_out", "delivered", "spooled")


def tell(run: RunState, head: dict[str, Any]) -> None:
    """Write what CI asked for."""
    if run.settings.junit:
        write_junit(Path(run.settings.junit), head)
    tell_github(head, markdown(head), os.environ, sys.stdout)


def summary(run: RunState, head: dict[str, Any]) -> str:
    """The figures that matter, for a terminal: a line a check, then where the report is."""
    counted = head["completeness"]
    lines = [
        f"{MARKS[check['verdict']]} {check['check']}: {check['reason']}"
        + ("" if counted["complete"] else _seen(check))
        for check in head["checks"]
    ]
    lines += [f"missing {fault}" for fault in counted["faults"]]
    lines += [f"notice  {notice}" for notice in counted.get("notices", [])]
    lines += traced(counted["tracing"], str(run.settings.langfuse_env))
    lines += traced_elsewhere(counted["tracing"])
    return "\n".join(
        [
            "",
            f"Run {run.run.label}: {head['verdict'].upper()}, {counted['events_merged']:,} events",
            *lines,
            *_where(run),
            "",
        ]
    )


def _seen(check: dict[str, Any]) -> str:
    """The figure of a check that is unknown since something is missing: of what is there."""
    if check["verdict"] != "unknown" or check["value"] is None:
        return ""
    return f"; {check['value']:.4g} over {check['samples']:,} samples that are there"


def _where(run: RunState) -> list[str]:
    """Where the report is, or why it is nowhere."""
    paths = run.paths
    if run.report_fault:
        return [f"No report could be written: {run.report_fault}"]
    return [f"Report: {paths.markdown}", f"        {paths.html}", f"        {paths.json}"]


def traced(tracing: dict[str, Any], langfuse_env: str = DEFAULT_LANGFUSE_ENV) -> list[str]:
    """What became of observations and scores, and what sends those that wait, in one line."""
    if not tracing["on"]:
        return []
    shown = []
    if (number := tracing["read_back"]) is not None:
        shown = [visible(number, tracing["delivered"], tracing["read_back_within_s"])]
    options = ["--langfuse-env", langfuse_env] if langfuse_env != DEFAULT_LANGFUSE_ENV else []
    return _told("Traces", tracing, options, shown)


def traced_elsewhere(tracing: dict[str, Any]) -> list[str]:
    """The same for every sink but Langfuse, with its address."""
    return [
        line
        for sink in tracing.get("sinks", [])
        if sink["sink"] != "langfuse"
        for line in _told(
            f"{TITLES[sink['sink']]} traces to {sink['where']}",
            sink,
            ["--otlp-traces", sink["where"]],
        )
    ]


def _told(
    title: str, counts: dict[str, Any], options: list[str], shown: Sequence[str] = ()
) -> list[str]:
    """One sink's line, and those of what went wrong; ``options`` make replay send to it."""
    parts = [", ".join([*_fates(counts), *shown])]
    if counts["scores"]["made"]:
        parts.append(f"scores: {', '.join(_fates(counts['scores']))}")
    if counts["spools"]:
        command = shlex.join(["mcstress", "replay", *counts["spools"], *options])
        parts.append(f"send the rest with: {command}")
    elsewhere = [
        f"        not delivered, for mcstress replay there: {path}"
        for path in counts.get("spools_elsewhere", [])
    ]
    faults = [f"        {fault}" for fault in counts.get("faults", [])]
    return [f"{title}: {'; '.join(parts)}", *faults, *elsewhere]


def _fates(tally: dict[str, Any]) -> list[str]:
    """How many were made, and what became of them."""
    fates = {fate.replace("_", " "): tally[fate] for fate in FATES}
    fates["dropped"] = sum(tally["dropped"].values())
    fates["unaccounted for"] = tally["made"] - sum(fates.values())
    return [f"{tally['made']:,} made", *(f"{n:,} {fate}" for fate, n in fates.items() if n)]
