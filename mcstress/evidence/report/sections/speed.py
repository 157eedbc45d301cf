"""Sections on speed and failure: latency by step and phase, and what failed why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcstress.evidence.report import formatting
from mcstress.evidence.report.readings import reading
from mcstress.evidence.report.section import (
    Headline,
    Section,
    Table,
    Verbatim,
    figures,
)
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.event import HIT_TWICE, utc
from mcstress.metrics.phase import PHASES
from mcstress.metrics.results import FigureSection, LatencySummaries, Percentiles

STEPS = (
    "matrix.search",
    "playbook.record",
    "observerd.inbox.record",
    "llm.parse_demand",
    "llm.judge_top1",
    "llm.paraphrase",
    "embed",
    "index.add",
    "index.update",
    "index.delete",
    "playbook.forget",
)
PARTS = ("embed.query", "store.query", "record.time_to_done", "add.time_to_done")
_BY_KEY = {step.replace(".", "_"): step for step in (*STEPS, *PARTS)}
PERCENTILES = {
    "p50_ms": "p50",
    "p90_ms": "p90",
    "p95_ms": "p95",
    "p99_ms": "p99",
    "p999_ms": "p99.9",
    "max_ms": "max",
}
_COLUMNS = ["count", *PERCENTILES.values()]
_PERCENTILE_NOTE = (
    f"Percentiles are accurate to 0.25 %; {formatting.NONE} means too few samples. Failed steps "
    "count with the time that they took."
)
_PART_NOTE = (
    "{parts}: parts of steps that the target makes of several requests; their time is in that of "
    "the steps, but for what follows a write (time_to_done)."
)
_MOST_REASONS = 20
_SPEED = ("latency.", "capacity.")
_SPIKE = 10
_LEAST_SPIKE_MS = 50.0
"""A search is a spike from so many times the median of all on, and never below this."""
_SPIKES_NAMED = 5
_A_HIT_TWICE = "results: a hit twice in one list, such as id "


def step_name(key: str) -> str:
    """A step by its key in ``latency``: ``matrix_search`` is matrix.search."""
    return _BY_KEY.get(key, key)


def steps_of(latency: LatencySummaries) -> dict[str, Percentiles]:
    """Summaries by step's name, in the order of STEPS, others after."""
    own = latency.steps
    order = {**dict.fromkeys(key for key in _BY_KEY if key in own), **dict.fromkeys(own)}
    return {step_name(key): own[key] for key in order}


def latency(document: RunDocument) -> Section:
    """Latency by step, by phase, and the waits for an LLM slot."""
    figure = document.speed
    tables = [Table(["Step, ms", *_COLUMNS], _rows(steps_of(figure)))]
    waits = {step_name(key): value for key, value in figure.queue.items()}
    if any(summary.max_ms for summary in waits.values()):
        tables.append(Table(["Wait for an LLM slot, ms", *_COLUMNS], _rows(waits)))
    # Phases of a user's own may be unknown here: they come last, and are not left out.
    for title, summaries in (
        ("Event by phase, begin to end, ms", figure.phases),
        ("Of it in services, ms", figure.phases_service),
    ):
        named = [name for name in (*PHASES, *summaries) if name in summaries]
        rows = _rows({document.words.phase(name): summaries[name] for name in named})
        tables += [Table([title, *_COLUMNS], rows)] if rows else []
    return Section(
        key="latency",
        title="Latency",
        question="How fast is it?",
        headline=headline(figure),
        tables=tables,
        notes=[*_not_judged(document), *spikes(document), _PERCENTILE_NOTE, *_of_parts(figure)],
    )


def _not_judged(document: RunDocument) -> list[str]:
    """How to have a verdict on speed, where no check asks for it."""
    if headline(document.speed) is None or speed_is_judged(document):
        return []
    said = (
        "Speed was not judged: how fast is fast enough is yours to say, by a threshold of the "
        'scenario such as "latency.matrix_search.p95_ms < 150", or by --check, which takes the '
        "place of all of those."
    )
    return [said]


def speed_is_judged(document: RunDocument) -> bool:
    """Whether a check asks for it."""
    return any(check.metric.startswith(_SPEED) for check in document.checks)


def spikes(document: RunDocument) -> list[str]:
    """A sentence on searches that took many times the median, and when; none where none did.

    Counted by the timeline's groups, of which those count that lie above the limit whole.
    """
    search = document.speed.steps.get("matrix_search")
    if search is None or not search.p50_ms:
        return []
    limit_ms = max(_SPIKE * search.p50_ms, _LEAST_SPIKE_MS)
    slow = {
        slot.time: sum(count for low_ms, _, count in slot.searches if low_ms >= limit_ms)
        for slot in document.timeline.slots
    }
    total = sum(slow.values())
    if not total:
        return []
    worst = sorted((time for time, count in slow.items() if count), key=lambda time: -slow[time])
    named = sorted(worst[:_SPIKES_NAMED])
    when = ", ".join(f"{utc(time):%H:%M:%S} ({slow[time]:,})" for time in named)
    most = "most from " if len(worst) > len(named) else "from "
    width = formatting.duration(document.timeline.slot_s)
    said = (
        f"Spikes: {formatting.of(total, search.count)} searches took over "
        f"{formatting.milliseconds(limit_ms)} ms, at least {_SPIKE} times the median of "
        f"{formatting.milliseconds(search.p50_ms)} ms: {most}{when} UTC, for {width} each."
    )
    return [said]


def _of_parts(latency: LatencySummaries) -> list[str]:
    """What the rows of parts are, where there are any."""
    found = [part for part in PARTS if part.replace(".", "_") in latency.steps]
    return [_PART_NOTE.format(parts=formatting.sentence_list(found))] if found else []


def headline(latency: LatencySummaries) -> Headline | None:
    """The searches' 95th percentile, or the median where it is all that the count carries."""
    search = latency.steps.get("matrix_search")
    if search is None:
        return None
    key = "p50_ms" if search.p95_ms is None else "p95_ms"
    value = formatting.milliseconds(getattr(search, key))
    return Headline(f"{value} ms", label=f"{PERCENTILES[key]} of matrix.search")


def _rows(summaries: Mapping[str, Percentiles]) -> list[list[Any]]:
    return [
        [
            Verbatim(name),
            formatting.count(summary.count),
            *(formatting.milliseconds(getattr(summary, key)) for key in PERCENTILES),
        ]
        for name, summary in summaries.items()
    ]


def errors(document: RunDocument) -> Section:
    """Failed steps by step and reason, and what became of the events."""
    figure = figures(document, "errors")
    notes = [_overall(figure)] if figure else []
    reasons = _hits_twice_together(figure.get("by_reason", []))
    return Section(
        key="errors",
        title="Failed steps",
        question="What failed?",
        answer=reading(document, "errors.rate"),
        tables=[_with_times(reason_table(reasons), reasons, document)] if reasons else [],
        notes=[*notes, *rest_note(reasons, "failed step")],
    )


def _hits_twice_together(reasons: Sequence[FigureSection]) -> Sequence[FigureSection]:
    """One row a step for all lists with a hit twice: each names another hit, one fault."""
    begin, end = HIT_TWICE
    rows: dict[tuple[str | None, str], dict[str, Any]] = {}
    for row in reasons:
        key = told = row["reason"]
        if _is_hit_twice(told):
            key, told = begin, _A_HIT_TWICE + told.removeprefix(begin).removesuffix(end)
        first = rows.setdefault((row["step"], key), {**row, "reason": told, "count": 0})
        first["count"] += row["count"]
    # The row without a step is of what was not kept apart, and stays the last.
    return sorted(rows.values(), key=lambda row: (row["step"] is None, -row["count"]))


def _is_hit_twice(reason: str) -> bool:
    begin, end = HIT_TWICE
    return reason.startswith(begin) and reason.endswith(end)


def _with_times(table: Table, reasons: Sequence[FigureSection], document: RunDocument) -> Table:
    """``table`` with when each reason came first and last, as the timeline has it."""
    width_s = document.timeline.slot_s
    spans: dict[tuple[str | None, str], tuple[float, float]] = {}
    for slot in document.timeline.slots:
        for one in slot.failures:
            key = (one.step, _A_HIT_TWICE if _is_hit_twice(one.reason) else one.reason)
            first, _ = spans.get(key, (slot.time, 0))
            spans[key] = first, slot.time + width_s
    if not spans:
        return table
    rows = []
    for row, told in zip(table.rows, reasons, strict=False):
        is_twice = told["reason"].startswith(_A_HIT_TWICE)
        span = spans.get((told["step"], _A_HIT_TWICE if is_twice else told["reason"]))
        rows.append([*row, *(_clocked(span, document) if span else (formatting.NONE,) * 2)])
    return Table([*table.columns, "From, UTC", "Until, UTC"], rows)


def _clocked(span: tuple[float, float], document: RunDocument) -> list[str]:
    """When a span began and ended, within the run."""
    begin, end = span
    run = document.run
    begin = begin if run.started is None else max(begin, run.started.timestamp())
    end = end if run.ended is None else min(end, run.ended.timestamp())
    return [f"{utc(begin):%H:%M:%S}", f"{utc(max(begin, end)):%H:%M:%S}"]


def reason_table(reasons: Sequence[FigureSection], counted: str = "Reason") -> Table:
    """The commonest reasons by step; ``counted`` says what they are the reasons of."""
    rows: list[list[Any]] = [
        [
            Verbatim(row["step"] or formatting.NONE),
            Verbatim(row["reason"]),
            formatting.count(row["count"]),
        ]
        for row in reasons[:_MOST_REASONS]
    ]
    return Table(["Step", counted, "Count"], rows)


def rest_note(reasons: Sequence[FigureSection], one: str) -> list[str]:
    """A sentence where the table does not hold all reasons of ``one``s."""
    rest = reasons[_MOST_REASONS:]
    if not rest:
        return []
    steps = formatting.plural(sum(row["count"] for row in rest), one)
    verb = "is" if len(rest) == 1 else "are"
    return [f"{formatting.plural(len(rest), 'more reason')} ({steps}) {verb} listed in the JSON."]


def _overall(figure: FigureSection) -> str:
    if not figure.get("steps"):
        return "No step was made."
    overall = (
        f"{formatting.of(figure['failed'], figure['steps'])} steps failed: "
        f"{formatting.percent(figure['rate'])}{_interval(figure)}."
    )
    if resent := figure.get("resent"):
        overall += (
            f" {formatting.plural(resent, 'request')} went out again, since the service had closed "
            "the idle connection."
        )
    return overall


def _interval(figure: FigureSection) -> str:
    """The rate's interval; a run too short or too uneven for one says so."""
    ci95 = figure.get("ci95")
    if ci95 is None:
        return "; too short, or too uneven in time, for an interval"
    low, high = map(formatting.percent, ci95)
    return f", 95 % interval {figure.get('ci95_label') or 'over steps'} {low} to {high}"
