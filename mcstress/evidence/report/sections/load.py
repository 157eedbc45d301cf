"""The section on load: quality and latency by band of concurrent users."""

from __future__ import annotations

from collections.abc import Sequence

from mcstress.evidence.report import formatting
from mcstress.evidence.report.readings import Reading
from mcstress.evidence.report.section import Section, Table
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.metric import MetricName
from mcstress.metrics.names import METRICS, find
from mcstress.metrics.number_format import a_second
from mcstress.metrics.results import LoadBand, Percentiles

SEARCH = "matrix_search"
"""The step of all searches, as ``latency`` spells it."""

_RATES = ["Offered", "Seconds", "Offered/s", "Done/s", "Missed", "Response p50 ms", "p95 ms"]
_SPEED = ["Seconds", "Steps/s", "Failed", "Search p50 ms", "p95 ms", "p99 ms"]
_BANDS_NOTE = (
    "A pair is counted at the load of its later search. Loads held for under 10 s are merged with "
    "the next lower one."
)
_CELLS_NOTE = (
    "Same {role}, two {roles}, determinism: mean Jaccard; freshness: rate seen within 10 s; "
    "handover: rate at top-1; each with its 95 % interval and its samples."
)
_LEARNING = "handover"
"""The table whose figures have one of their own here too."""


def load(document: RunDocument) -> Section:
    """One row per band, in three tables; a cell is value, interval, samples."""
    bands, nouns = document.bands, document.words
    rates = [band for band in bands if band.offered_from is not None]
    name = "Load" if rates else "Users"
    return Section(
        key="load_curve",
        title="Load curve",
        question="Does quality hold under load?",
        tables=[
            *_rates(rates),
            *_trials([band for band in rates if band.trial]),
            Table([name, *_SPEED], [_speed(band) for band in bands]),
            *(_by_band(document, name, metrics) for metrics in _figures_by_load()),
        ]
        if bands
        else [],
        lead=document.load_curve_reading,
        notes=[_BANDS_NOTE, nouns.fill(_CELLS_NOTE)],
    )


def _rates(bands: list[LoadBand]) -> list[Table]:
    """What was offered by a schedule, and done; none without one."""
    rows = [
        [
            load_of(band),
            formatting.count(band.seconds),
            formatting.per_second(band.offered_per_s),
            formatting.per_second(band.done_per_s),
            formatting.count(band.missed),
            *(
                formatting.percentile(band.latency.responses.get("all", Percentiles()), key)
                for key in ("p50_ms", "p95_ms")
            ),
        ]
        for band in bands
    ]
    return [Table(_RATES, rows)] if rows else []


def _trials(bands: list[LoadBand]) -> list[Table]:
    """What became of each rate of a search for the capacity; none without one."""
    rows = [[load_of(band), _outcome(band)] for band in bands]
    return [Table(["Trial", "Outcome"], rows)] if rows else []


def _outcome(band: LoadBand) -> Reading:
    if band.held is None:
        return Reading("not judged: the run ended first", "none")
    return Reading("held", "good") if band.held else Reading(band.why, "bad")


def load_of(band: LoadBand) -> str:
    """``50 to 99`` users, ``10 to 14.9/s``, ``3: 11.2/s`` of a trial."""
    if band.offered_from is not None and band.offered_to is not None:
        low_per_s, high_per_s = a_second(band.offered_from), f"{a_second(band.offered_to)}/s"
        if band.trial:
            return f"{band.trial}: {high_per_s}"
        return high_per_s if high_per_s == f"{low_per_s}/s" else f"{low_per_s} to {high_per_s}"
    low, high = band.users_from, band.users_to
    return (
        formatting.count(low)
        if low == high
        else f"{formatting.count(low)} to {formatting.count(high)}"
    )


def _speed(band: LoadBand) -> list[str]:
    search = band.latency.steps.get(SEARCH, Percentiles())
    return [
        load_of(band),
        formatting.count(band.seconds),
        formatting.per_second(band.requests_per_s),
        formatting.percent(band.figures["errors"].get("rate")),
        *map(formatting.milliseconds, (search.p50_ms, search.p95_ms, search.p99_ms)),
    ]


def _figures_by_load() -> list[list[MetricName]]:
    """The figures that stand here: what is learnt has a table of its own."""
    named = [metric for metric in METRICS.values() if metric.by_load]
    learnt = [metric for metric in named if metric.table == _LEARNING]
    return [[metric for metric in named if metric not in learnt], learnt]


def _by_band(document: RunDocument, name: str, metrics: Sequence[MetricName]) -> Table:
    """A row for each band, a column for each figure: its value, interval and samples."""
    columns = [document.words.fill(metric.by_load) for metric in metrics]
    rows = [
        [load_of(band), *(_cell(band, metric) for metric in metrics)] for band in document.bands
    ]
    return Table([name, *columns], rows)


def _cell(band: LoadBand, metric: MetricName) -> str:
    results = {"metrics": band.figures}
    value = find(results, metric.name)
    if value is None:
        return formatting.NONE
    parts = [formatting.score(value)]
    if metric.interval:
        parts.append(formatting.interval(find(results, metric.interval)))
    return " ".join([*parts, f"({formatting.count(find(results, metric.samples))})"])
