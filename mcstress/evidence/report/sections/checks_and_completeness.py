"""Sections on what the figures rest on: the target, checks, completeness, faults."""

from __future__ import annotations

from typing import Any

from msgspec import UnsetType

from mcstress.evidence.document_parts import (
    Completeness,
    MailCount,
    ProcessTraces,
    RunSection,
    SinkTracing,
    TraceCount,
    Tracing,
    WorkerPart,
    lost_by_reason,
)
from mcstress.evidence.report import formatting, readings
from mcstress.evidence.report.readings import Reading
from mcstress.evidence.report.section import Section, Table, Verbatim
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.names import METRICS
from mcstress.metrics.number_format import beyond
from mcstress.metrics.verdict import CheckOutcome, settled_by, value_of
from mcstress.metrics.wording import Words


def target(run: RunSection, nouns: Words) -> Section:
    """The capabilities of a target of the user's own; empty for the gateway, which has all."""
    rows = [
        [one.name, Reading("yes", "good") if one.there else "no", one.effect]
        for one in run.capabilities
    ]
    return Section(
        key="target",
        title="Target",
        tables=[Table(["The target can", "", "What follows"], rows)] if rows else [],
        notes=[
            f"{Verbatim(nouns.phase(phase))} was skipped: {reason}."
            for phase, reason in run.left_out.items()
        ],
    )


_CHECK_COLUMNS = ["Check", "Value", "95 % interval", "Questions or samples", "Verdict", "Why"]
_TRACED_BY = ["Traced by", "Made", "Sampled out", "Delivered", "Spooled", "Dropped"]
_FATES = ["made", "sampled out", "delivered", "read back", "spooled", "dropped"]
_MASKS = {
    "off": "Traces: bodies are sent as they are (--mask off).",
    "on": "Traces: phone numbers, email addresses and numbers shaped like SSN or cards are masked "
    "in what is sent (--mask on); names are not.",
    "strict": "Traces: no bodies are sent (--mask strict).",
}


def checks(document: RunDocument) -> Section:
    """Every check with its verdict and the reason; those that failed come first."""
    ordered = sorted(document.checks, key=lambda check: check.verdict != "fail")
    return Section(
        key="checks",
        title="Checks",
        tables=[Table(_CHECK_COLUMNS, [_check(check) for check in ordered])],
    )


def _check(check: CheckOutcome) -> list[Any]:
    return [
        Verbatim(check.check),
        _value(check),
        formatting.interval(check.ci95, limits=(check.threshold,)),
        _witnesses(check),
        readings.verdict(
            check.verdict, is_settled=not check.crosses, has_interval=check.ci95 is not None
        ),
        _why(check),
    ]


def _witnesses(check: CheckOutcome) -> str:
    """What the value rests on, with its name, in one piece: availability has slots of time."""
    metric = METRICS.get(check.metric)
    told = formatting.plural(check.samples, "slot" if metric and metric.measured else "sample")
    if check.questions is not None:
        told = formatting.plural(check.questions, "question")
    return told.replace(" ", readings.NO_BREAK)


def _why(check: CheckOutcome) -> str:
    """What the columns before do not say: why it was not judged, or what would make it certain."""
    if check.value is None or check.verdict not in ("pass", "fail"):
        return check.reason
    if check.ci95 is None and check.verdict == "pass":
        return "no interval"
    if not check.crosses:
        return ""
    settled = check.enough and settled_by(check.enough, check.questions, check.there_are)
    return f"not certain: {settled or 'the interval has values on both sides of the threshold'}"


def _value(check: CheckOutcome) -> str:
    if check.value is not None:
        return value_of(check.metric, check.value, check.threshold)
    return formatting.NONE if check.at_least is None else beyond(check.at_least)


def completeness(document: RunDocument) -> Section:
    """Events made and merged, workers, observations traced, and counted faults."""
    figure = document.completeness
    tables = [Table(["Events", "Count"], _events(figure, document.words))]
    workers = figure.workers
    if len(workers) > 1 or any(worker.lost for worker in workers):
        tables.append(Table(["Worker", "Events", "State"], [_worker(part) for part in workers]))
    tracing = figure.tracing
    sinks = tracing.by_sink
    tables.append(_tracing(sinks))
    if len(workers) > 1 and any(worker.by_sink for worker in workers):
        rows = [row for worker in workers for row in _traced(worker, sinks)]
        tables.append(Table(_TRACED_BY, rows))
    if spools := [path for sink in sinks for path in sink.waiting]:
        waiting = [[Verbatim(path)] for path in spools]
        tables.append(Table(["Not delivered; mcstress replay sends it"], waiting))
    faults = {kind: n for kind, n in document.faults.items() if n}
    if faults:
        rows = [[formatting.spaced(kind), formatting.count(n)] for kind, n in faults.items()]
        tables.append(Table(["Counted faults", "Count"], rows))
    return Section(
        key="completeness",
        title="Completeness",
        question="Is everything in it?",
        answer=_complete(figure),
        tables=tables,
        notes=[
            *figure.faults,
            *_mask_note(tracing),
            *figure.notices,
            *_mail_notes(figure.mail),
            *_sink_notes(sinks),
            *document.run.user_errors,
        ],
    )


def _mail_notes(mail: MailCount | UnsetType) -> list[str]:
    """What became of the mail from outside."""
    if isinstance(mail, UnsetType):
        return []
    again = ", beginning again when used up" if mail.repeated else ""
    said = [
        f"Mail from {Verbatim(mail.source)}: {formatting.of(mail.taken, mail.messages)} messages"
    ]
    said[0] += f" were taken by coordinators{again}."
    if mail.lost:
        said.append(f"{mail.lost:,} messages were with lost workers, taken or not.")
    if mail.left_out:
        named = "; ".join(mail.faults)
        said.append(f"{formatting.plural(mail.left_out, 'message')} of it left out: {named}.")
    if mail.attachments:
        said.append(f"{formatting.plural(mail.attachments, 'attachment')} left out.")
    return said


def _complete(figure: Completeness) -> readings.Reading:
    if figure.complete:
        return readings.Reading("complete: every event made is in the figures", "good")
    return readings.Reading("incomplete: something is missing, so that no check can pass", "bad")


def _events(figure: Completeness, nouns: Words) -> list[list[Any]]:
    named = {
        "events_made": nouns.fill("made by the {coordinators}"),
        "events_merged": "in the figures",
        "events_kept": "kept as evidence",
    }
    return [[named[key], formatting.count(count)] for key, count in figure.counts.items()]


def _worker(worker: WorkerPart) -> list[Any]:
    missing = worker.reports_missing
    state = readings.Reading("complete", "good")
    if missing:
        state = readings.Reading(f"{formatting.plural(missing, 'report')} never arrived", "bad")
    if worker.lost:
        state = readings.Reading("lost", "bad")
    return [Verbatim(worker.name), formatting.count(worker.events), state]


def _tracing(sinks: list[SinkTracing]) -> Table:
    """What became of observations: a column for each sink, once."""
    columns = ["Trace observations", *(sink.title or "Count" for sink in sinks)]
    rows: list[list[Any]] = [
        [key, *cells] for key, *cells in zip(_FATES, *map(_fates, sinks), strict=True)
    ]
    if any(sink.where for sink in sinks):
        rows.insert(0, ["to", *(Verbatim(sink.where or formatting.NONE) for sink in sinks)])
    return Table(columns, rows)


def _fates(sink: SinkTracing) -> list[str]:
    """By ``_FATES``; a loss has its reasons."""
    told, delivered = sink.visible, sink.delivered
    shown = formatting.count(told)
    if told is not None and delivered is not None and told < delivered:
        shown = formatting.visible(told, delivered, sink.visible_within_s)
    dropped = lost_by_reason(sink)
    by_reason = ", ".join(f"{reason}: {n:,}" for reason, n in dropped.items() if n)
    lost = formatting.count(sum(dropped.values()))
    return [
        formatting.count(sink.made),
        formatting.count(sink.sampled_out),
        formatting.count(delivered),
        shown,
        formatting.count(sink.spooled),
        f"{lost} ({by_reason})" if by_reason else lost,
    ]


def _traced(worker: WorkerPart, sinks: list[SinkTracing]) -> list[list[Any]]:
    """What became of a worker's observations, by sink; a dash where it traced nothing."""
    rows: list[list[Any]] = []
    for sink in sinks:
        tracing = worker.by_sink.get(sink.sink)
        name = f"{worker.name} to {sink.title}" if len(sinks) > 1 else worker.name
        told = tracing or ProcessTraces()
        counts = [told.made, told.sampled_out, told.delivered, told.spooled]
        counts.append(sum(lost_by_reason(told).values()) if tracing else None)
        rows.append([Verbatim(name), *map(formatting.count, counts)])
    return rows


def _mask_note(tracing: Tracing) -> list[str]:
    """A sentence that says what left the machine in traces, where any did."""
    said = _MASKS.get(tracing.mask or "") if tracing.traced else None
    return [said] if said else []


def _sink_notes(sinks: list[SinkTracing]) -> list[str]:
    """What is missing by sink, which is named where there are several."""
    return [
        f"{sink.title}: {note}" if len(sinks) > 1 else note
        for sink in sinks
        for note in (
            *(sink.faults or ()),
            *_sum_note(sink),
            *_score_note(sink.scores or TraceCount()),
        )
    ]


def _score_note(scores: TraceCount) -> list[str]:
    """A sentence where scores are not with a sink that should be."""
    made, spooled = scores.made or 0, scores.spooled or 0
    dropped = [f"{n:,} dropped ({reason})" for reason, n in lost_by_reason(scores).items() if n]
    missing = [f"{spooled:,} spooled"] * bool(spooled) + dropped
    return (
        [f"Of {made:,} scores on traces: {formatting.sentence_list(missing)}."] if missing else []
    )


def _sum_note(tracing: SinkTracing) -> list[str]:
    """A sentence where the observations do not add up."""
    parts = (tracing.sampled_out, tracing.delivered, tracing.spooled)
    accounted = sum(part or 0 for part in parts) + sum(lost_by_reason(tracing).values())
    made = tracing.made or 0
    if made == accounted:
        return []
    return [f"{made:,} trace observations were made and {accounted:,} are accounted for."]
