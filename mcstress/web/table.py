"""The figures in one table, for the tab in Locust's UI and for the CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO

import msgspec
from msgspec import UNSET

from mcstress.evidence.document_parts import Completeness, SinkTracing, lost_by_reason
from mcstress.evidence.report import formatting
from mcstress.evidence.report.readings import reading
from mcstress.evidence.report.verdict_line import verdict_line
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.metric import COUNT
from mcstress.metrics.names import METRICS
from mcstress.metrics.number_format import figure, shown
from mcstress.tracing.sink import LANGFUSE

MARKS = {"pass": "✓", "fail": "✗", "unknown": "?"}
CSV_COLUMNS = ["part", "figure", "name", "value", "ci95_low", "ci95_high", "samples", "reading"]


class FigureRow(msgspec.Struct, frozen=True, kw_only=True):
    """One figure; ``name`` is empty where checks know it by none.

    ``mark`` stands before it where people read it: Locust's UI knows no colours for a cell.
    """

    part: str
    figure: str
    name: str = ""
    value: float | None = None
    ci95: Sequence[float] | None = None
    samples: int | None = None
    reading: str = ""
    limits: tuple[float, ...] = ()
    mark: str = ""

    def shown(self) -> dict[str, str]:
        """As Locust's UI shows it: texts, which it escapes."""
        return {
            "part": f"{self.mark} {self.part}".lstrip(),
            "figure": self.figure,
            "value": self._value(),
            "interval": formatting.interval(
                self.ci95, signs=self.name.endswith(".lift"), limits=self.limits
            ),
            "samples": formatting.count(self.samples),
            "reading": self.reading,
        }

    def _value(self) -> str:
        if self.value is None:
            return formatting.NONE
        if self.name.endswith(".lift"):
            return shown(self.value, limits=self.limits, sign=True)
        return figure(
            self.value, METRICS[self.name].unit if self.name else COUNT, limits=self.limits
        )


def rows(document: RunDocument | None) -> list[FigureRow]:
    """Verdict, checks (those that failed first), figures, completeness; empty without a run."""
    if document is None:
        return []
    verdict = FigureRow(
        part="Verdict",
        figure=document.verdict,
        reading=f"Run {document.run.run_id}, {verdict_line(document)}",
        mark=MARKS.get(document.verdict, ""),
    )
    scenario = FigureRow(part="Scenario", figure=document.asked.title or document.asked.name)
    return [
        verdict,
        scenario,
        *_checks(document),
        *_figures(document),
        *_completeness(document.completeness),
    ]


def as_csv(table: Sequence[FigureRow]) -> str:
    """The rows as a CSV file with a header, values unrounded."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for row in table:
        low, high = row.ci95 or (None, None)
        cells = [row.part, row.figure, row.name, row.value, low, high, row.samples, row.reading]
        writer.writerow(cells)
    return text.getvalue()


def _checks(document: RunDocument) -> Iterator[FigureRow]:
    for check in sorted(document.checks, key=lambda one: one.verdict != "fail"):
        yield FigureRow(
            part="Checks",
            figure=check.check,
            name=check.metric,
            value=check.value,
            ci95=check.ci95,
            samples=check.samples,
            reading=f"{check.verdict}: {check.reason}",
            limits=(check.threshold,),
            mark=MARKS.get(check.verdict, ""),
        )


def _figures(document: RunDocument) -> Iterator[FigureRow]:
    for name, metric in METRICS.items():
        if not metric.label:
            continue
        yield FigureRow(
            part=name.partition(".")[0].capitalize(),
            figure=document.words.fill(metric.label),
            name=name,
            value=document.figure(name),
            ci95=document.figure(metric.interval) if metric.interval else None,
            samples=document.figure(metric.samples),
            reading=reading(document, name).words
            if metric.ranges and name in document.readings
            else "",
        )


def _completeness(counted: Completeness) -> Iterator[FigureRow]:
    yield _counted("events made", counted.counts.get("events_made"))
    yield _counted("events in the figures", counted.counts.get("events_merged"))
    tracing = counted.tracing
    off = "tracing is off" if tracing.on is False and not tracing.sinks else ""
    for sink in tracing.by_sink:
        yield from _traced(sink, off)
    for worker in counted.workers:
        yield _counted(f"events of {worker.name}", worker.events, "lost" if worker.lost else "")
    for fault in counted.faults:
        yield _counted("fault", reading=fault)
    faults = [fault for sink in tracing.by_sink for fault in sink.faults or ()]
    for notice in (*counted.notices, *faults):
        yield _counted("notice", reading=notice)


def _traced(sink: SinkTracing, reading: str) -> Iterator[FigureRow]:
    """What became of the observations for a sink; Langfuse needs no name."""
    which = "" if sink.sink == LANGFUSE else f"{sink.title} "
    shown, delivered = sink.visible, sink.delivered or 0
    late = reading if sink.read_back is not UNSET else ""
    if shown is not None and shown < delivered:
        late = formatting.visible(shown, delivered, sink.visible_within_s)
    to = f"to {sink.where}" if sink.where else reading
    yield _counted(f"{which}trace observations made", sink.made, to)
    yield _counted(f"{which}trace observations sampled out", sink.sampled_out, reading)
    yield _counted(f"{which}trace observations delivered", sink.delivered, reading)
    yield _counted(f"{which}trace observations read back", shown, late)
    yield _counted(f"{which}trace observations spooled", sink.spooled, reading)
    dropped = {reason: number for reason, number in lost_by_reason(sink).items() if number}
    reasons = ", ".join(f"{reason}: {number:,}" for reason, number in dropped.items())
    yield _counted(f"{which}trace observations dropped", sum(dropped.values()), reasons)


def _counted(figure: str, value: int | None = None, reading: str = "") -> FigureRow:
    return FigureRow(part="Completeness", figure=figure, value=value, reading=reading)
