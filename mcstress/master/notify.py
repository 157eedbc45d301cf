"""Who is told of a run's end, beside the report: the terminal, JUnit's readers, GitHub."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from mcstress.evidence.document_parts import SinkTracing, TraceCount, Tracing, lost_by_reason
from mcstress.evidence.report.formatting import plural, visible
from mcstress.evidence.report.github import tell_github
from mcstress.evidence.report.head import in_a_line, marks
from mcstress.evidence.report.junit import write_junit
from mcstress.evidence.report.markdown import markdown
from mcstress.evidence.report.verdict_line import verdict_line
from mcstress.evidence.run_document import RunDocument
from mcstress.master.run_state import RunState
from mcstress.metrics.verdict import CheckOutcome, line, value_of
from mcstress.option_defaults import DEFAULT_LANGFUSE_ENV
from mcstress.tracing.sink import LANGFUSE

MARKS = {"pass": "ok     ", "fail": "FAILED ", "unknown": "unknown", "skipped": "skipped"}


def notify(run: RunState, document: RunDocument) -> None:
    """Write what CI asked for."""
    if run.settings.junit:
        write_junit(Path(run.settings.junit), document)
    tell_github(document, markdown(document), os.environ, sys.stdout)


def summary(run: RunState, document: RunDocument) -> str:
    """The figures that matter, for a terminal: a line a check, then where the report is."""
    counted = document.completeness
    events = counted.counts.get("events_merged") or 0
    lines = [
        f"{MARKS[check.verdict]} {line(check)}" + ("" if counted.complete else _seen(check))
        for check in document.checks
    ]
    lines += [f"missing {fault}" for fault in counted.faults]
    lines += [f"notice  {notice}" for notice in counted.notices]
    lines += traced(counted.tracing, str(run.settings.langfuse_env))
    return "\n".join(
        [
            "",
            f"Run {run.run.label}: {verdict_line(document)}",
            *(in_a_line(mark) for mark in marks(document)),
            f"{events:,} events",
            *lines,
            *_where(run),
            "",
        ]
    )


def _seen(check: CheckOutcome) -> str:
    """The figure of a check that is unknown since something is missing: of what is there."""
    if check.verdict != "unknown" or check.value is None:
        return ""
    value = value_of(check.metric, check.value, check.threshold)
    return f"; {value} over {plural(check.samples, 'sample')} that {_are(check.samples)} there"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _where(run: RunState) -> list[str]:
    """Where the report is, or why it is nowhere."""
    if run.report_fault:
        return [f"No report could be written: {run.report_fault}"]
    first, *others = run.paths.reports.values()
    return [f"Report: {first}", *(f"        {path}" for path in others)]


def traced(tracing: Tracing, langfuse_env: str = DEFAULT_LANGFUSE_ENV) -> list[str]:
    """What became of observations and scores, and what sends those that wait: a line a sink."""
    if not tracing.traced:
        return []
    return [line for sink in tracing.by_sink for line in _told(sink, langfuse_env)]


def _told(sink: SinkTracing, langfuse_env: str) -> list[str]:
    """One sink's line, and those of what went wrong."""
    told = _fates(sink)
    if (number := sink.visible) is not None:
        told.append(visible(number, sink.delivered or 0, sink.visible_within_s))
    parts = [", ".join(told)]
    if sink.scores and sink.scores.made:
        parts.append(f"scores: {', '.join(_fates(sink.scores))}")
    if sink.spools:
        command = shlex.join(["mcstress", "replay", *sink.spools, *_to(sink, langfuse_env)])
        parts.append(f"send the rest with: {command}")
    elsewhere = [
        f"        not delivered, for mcstress replay there: {path}"
        for path in sink.spools_elsewhere or ()
    ]
    faults = [f"        {fault}" for fault in sink.faults or ()]
    to = "Traces" if sink.sink == LANGFUSE else f"{sink.title} traces to {sink.where}"
    return [f"{to}: {'; '.join(parts)}", *faults, *elsewhere]


def _to(sink: SinkTracing, langfuse_env: str) -> list[str]:
    """The options by which mcstress replay sends to the sink."""
    if sink.sink != LANGFUSE:
        return ["--otlp-traces", sink.where]
    return ["--langfuse-env", langfuse_env] if langfuse_env != DEFAULT_LANGFUSE_ENV else []


def _fates(count: TraceCount) -> list[str]:
    """How many were made, and what became of them."""
    fates = {
        "sampled out": count.sampled_out or 0,
        "delivered": count.delivered or 0,
        "spooled": count.spooled or 0,
        "dropped": sum(lost_by_reason(count).values()),
    }
    made = count.made or 0
    fates["unaccounted for"] = made - sum(fates.values())
    return [f"{made:,} made", *(f"{n:,} {fate}" for fate, n in fates.items() if n)]
