"""Tables of figures, made of what the figures say of themselves: table, row and column.

A figure stands in the table that its MetricName names, whoever's metric it is. A section says what
its tables are called, and what columns they have beside those of their figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from mcstress.evidence.report import formatting
from mcstress.evidence.report.readings import Reading, healthy, reading
from mcstress.evidence.report.section import Table
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.metric import (
    BY_CHANCE,
    COUNT,
    DIFFERENCE,
    JACCARD,
    PROBABILITY,
    RATE,
    RATE_BY_CHANCE,
    RATING,
    SECONDS,
    MetricName,
)
from mcstress.metrics.names import METRICS
from mcstress.metrics.number_format import figure, shown

INTERVAL, READING = "95 % interval", "Reading"

_FORMS: Mapping[str, Callable[[float], str]] = {
    RATE: formatting.score,
    JACCARD: formatting.score,
    BY_CHANCE: formatting.chance,
    RATE_BY_CHANCE: formatting.chance,
    PROBABILITY: formatting.p_value,
    RATING: lambda value: shown(value, 2),
    SECONDS: lambda value: f"{value:.3f} s",
    DIFFERENCE: formatting.signed,
}
"""How a value of a unit is written; others as ``metrics.number_format.figure`` has it."""


class FigureTable(msgspec.Struct, frozen=True):
    """A table of figures, by the ``key`` that they name.

    ``head``: the column of the rows' names. ``value``: the column of figures that name none.
    ``is_split``: a row's interval has a column of its own, else every cell holds its interval and
    counts. ``counted``: the column of what a row's figure is over, its questions where
    ``counts_questions``.
    """

    key: str
    head: str
    value: str = "Value"
    is_split: bool = False
    counted: str = ""
    counts_questions: bool = False
    has_reading: bool = True


def figure_table(
    document: RunDocument,
    table: FigureTable,
    readings: Mapping[str, Reading] | None = None,
    *,
    only_measured: bool = False,
) -> Table:
    """The table, of the phases that were chosen.

    ``readings``: by the name of a row's own figure, in place of its reading. ``only_measured``:
    without rows whose samples the document does not have.
    """
    rows = _rows(document, table)
    if only_measured:
        rows = {name: row for name, row in rows.items() if _was_measured(document, row)}
    first, *others = dict.fromkeys(column for row in rows.values() for column in row) or [""]
    beside = [INTERVAL] if table.is_split else []
    end = [table.counted] if table.counted else []
    end += [READING] if table.has_reading else []
    named = [table.head, first, *beside, *others, *end]
    return Table(
        [document.words.fill(one) for one in named],
        [
            _made(document, table, name, [row.get(one) for one in (first, *others)], readings or {})
            for name, row in rows.items()
        ],
    )


def _rows(document: RunDocument, table: FigureTable) -> dict[str, dict[str, MetricName]]:
    chosen = document.run.phases
    rows: dict[str, dict[str, MetricName]] = {}
    for metric in METRICS.values():
        if not metric.row or metric.table != table.key:
            continue
        if not chosen or not set(chosen).isdisjoint(metric.phases):
            rows.setdefault(metric.row, {})[metric.column or table.value] = metric
    return rows


def _was_measured(document: RunDocument, row: Mapping[str, MetricName]) -> bool:
    return any(document.figure(metric.samples) is not None for metric in row.values())


def _made(
    document: RunDocument,
    table: FigureTable,
    name: str,
    row: Sequence[MetricName | None],
    readings: Mapping[str, Reading],
) -> list[Any]:
    """A row of cells. Its interval, counts and reading are those of its first figure."""
    cells = [formatting.NONE if one is None else _cell(document, one, table) for one in row]
    own = next(one for one in row if one is not None)
    made: list[Any] = [document.words.fill(name) + healthy(document, own.name), cells[0]]
    if table.is_split:
        made.append(_interval(document, own))
    made += cells[1:]
    if table.counted:
        made.append(_counted(document, own, table))
    if table.has_reading:
        own_reading = reading(document, own.name) if own.ranges else ""
        made.append(readings.get(own.name, own_reading))
    return made


def _cell(document: RunDocument, metric: MetricName, table: FigureTable) -> str:
    if metric.unit == COUNT and metric.counts:
        return _of(document, metric)
    value = document.figure(metric.name)
    if value is None:
        return formatting.NONE
    form = _FORMS.get(metric.unit)
    text = form(value) if form else figure(value, metric.unit)
    if table.is_split or not metric.interval:
        return text
    parts = [_of(document, metric)] if metric.counts else []
    parts += _questions(document, metric) if metric.counts else []
    return ", ".join([f"{text} {_interval(document, metric)}", *parts])


def _interval(document: RunDocument, metric: MetricName) -> str:
    if metric.interval is None:
        return ""
    return formatting.interval(document.figure(metric.interval), signs=metric.unit == DIFFERENCE)


def _of(document: RunDocument, metric: MetricName) -> str:
    return formatting.of(*map(document.figure, metric.counts))


def _questions(document: RunDocument, metric: MetricName) -> list[str]:
    """How many questions were asked, where some were asked more than once."""
    questions = document.figure(metric.questions) if metric.questions else None
    if questions is None or questions == document.figure(metric.counts[-1]):
        return []
    return [formatting.plural(questions, "question")]


def _counted(document: RunDocument, metric: MetricName, table: FigureTable) -> str:
    if table.counts_questions:
        return formatting.count(document.figure(metric.questions or metric.samples))
    if metric.counts:
        return _of(document, metric)
    return formatting.count(document.figure(metric.samples))
