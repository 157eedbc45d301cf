"""Plots over the run's moments: failures by reason, latency as a heat map, events by phase.

Each is a Series and how it is drawn: the report draws it once, the live page fills it anew.
"""

from __future__ import annotations

from collections import Counter
from math import sqrt
from typing import Any

from bokeh.models import ColumnDataSource, DataRange1d, DatetimeTicker, FactorRange
from bokeh.plotting import figure

from mcstress.evidence.report.plots.over_time import SHADE, SILENCES, edges_ms
from mcstress.evidence.report.plots.style import (
    BLUE,
    COLOURS,
    PLOT,
    RED,
    REVERSED,
    TICKS,
    Series,
    chart,
    hover,
    legend_above,
    log_ticks,
    plain,
    ticks_over,
)
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.phase import PHASES

FAILURES, SPREAD, LANES = "failures", "spread", "lanes"
MOST_REASONS = 6
OTHERS = "other reasons"
_LABEL_LENGTH = 70
_FAINTEST = 0.12
_MANY_NOT_WHOLE = 0.01
"""Of a phase's events in a slot: from here on it is drawn in red."""

Columns = dict[str, list[Any]]


def _columns(*names: str) -> Columns:
    return {name: [] for name in names}


def _add(columns: Columns, *values: Any) -> None:
    for column, value in zip(columns.values(), values, strict=True):
        column.append(value)


def _silences(document: RunDocument) -> dict[str, Columns]:
    return {SILENCES: {**edges_ms(document.silences)}}


def failures(document: RunDocument) -> Series:
    """Failed steps a second of each slot, the commonest reasons one upon the other."""
    width_s, slots = document.timeline.slot_s, document.timeline.slots
    total: Counter[str] = Counter()
    for slot in slots:
        for one in slot.failures:
            total[_reason(one.step, one.reason)] += one.count
    named = [reason for reason, _ in total.most_common() if reason != OTHERS][:MOST_REASONS]
    columns = _columns("time", "end", "bottom", "top", "color", "reason", "count", "per_s")
    for slot in slots:
        counted: Counter[str] = Counter()
        for one in slot.failures:
            reason = _reason(one.step, one.reason)
            counted[reason if reason in named else OTHERS] += one.count
        below = 0.0
        for place, reason in enumerate((*named, OTHERS)):
            if count := counted[reason]:
                per_s = count / width_s
                begin = slot.time * 1000
                end = begin + width_s * 1000
                colour = COLOURS[::-1][place] if reason == OTHERS else _colour(place)
                _add(columns, begin, end, below, below + per_s, colour, reason, count, per_s)
                below += per_s
    return Series(FAILURES, columns, others=_silences(document))


def _colour(place: int) -> str:
    return (RED, *(one for one in COLOURS if one != RED))[place]


def _reason(step: str | None, reason: str) -> str:
    """As the legend has it: of its length, one line, and no TeX."""
    text = plain(" ".join(f"{step}: {reason}".split())) if step else OTHERS
    return text if len(text) <= _LABEL_LENGTH else f"{text[: _LABEL_LENGTH - 1]}…"


def draw_failures(shown: Series) -> figure:
    """Columns that stand one upon the other."""
    plot = _over_moments(shown, 230, y_axis_label="failed steps/s", y_range=DataRange1d(start=0))
    drawn = plot.quad(
        left="time", right="end", bottom="bottom", top="top", color="color", line_color=None,
        alpha=0.85, legend_field="reason", source=_source(shown),
    )  # fmt: skip
    tooltips = [("", "@reason"), ("failed", "@count"), ("a second", "@per_s{0.0[00]}")]
    plot.add_tools(hover([drawn], tooltips))
    legend_above(plot, columns=1)
    return plot


def spread(document: RunDocument) -> Series:
    """Searches by slot and latency: the darker, the larger a share of the slot's."""
    width_s = document.timeline.slot_s
    columns = _columns("time", "end", "low", "high", "alpha", "count", "share")
    for slot in document.timeline.slots:
        all_of_it = sum(count for _, _, count in slot.searches)
        begin = slot.time * 1000
        for low, high, count in slot.searches:
            share = count / all_of_it
            alpha = _FAINTEST + (1 - _FAINTEST) * sqrt(share)
            _add(columns, begin, begin + width_s * 1000, low, high, alpha, count, share)
    ticks = {TICKS: ticks_over([*columns["low"], *columns["high"]])}
    return Series(SPREAD, columns, others=_silences(document), ticks=ticks)


def draw_spread(shown: Series) -> figure:
    """Squares on a logarithmic axis."""
    plot = _over_moments(shown, 260, y_axis_type="log", y_axis_label="matrix.search, ms")
    log_ticks(plot.yaxis[0], shown.ticks[TICKS], SPREAD + TICKS)
    drawn = plot.quad(
        left="time", right="end", bottom="low", top="high", fill_color=BLUE, line_color=None,
        fill_alpha="alpha", source=_source(shown),
    )  # fmt: skip
    tooltips = [("ms", "@low{0.000} to @high{0.000}"), ("searches", "@count")]
    plot.add_tools(hover([drawn], [*tooltips, ("of the moment's", "@share{0 %}")]))
    return plot


def lanes(document: RunDocument) -> Series:
    """Events by slot and phase: the darker, the more; red where some were not whole."""
    width_s, slots = document.timeline.slot_s, document.timeline.slots
    there = {phase for slot in slots for phase in slot.phases}
    phases = [phase for phase in (*PHASES, *sorted(there - {*PHASES})) if phase in there]
    names = {phase: plain(document.words.phase(phase)) for phase in phases}
    most = {
        phase: max(slot.phases[phase].events for slot in slots if phase in slot.phases)
        for phase in phases
    }
    columns = _columns("time", "end", "lane", "color", "alpha", "events", "not_ok")
    for slot in slots:
        begin = slot.time * 1000
        for phase, counted in slot.phases.items():
            is_bad = counted.not_ok > _MANY_NOT_WHOLE * counted.events
            alpha = _FAINTEST + (1 - _FAINTEST) * counted.events / most[phase]
            place = begin, begin + width_s * 1000, names[phase], RED if is_bad else BLUE, alpha
            _add(columns, *place, counted.events, counted.not_ok)
    height = 70 + 24 * len(phases)
    factors = [*names.values()]
    return Series(LANES, columns, factors, others=_silences(document), height=height)


def draw_lanes(shown: Series) -> figure:
    """A lane for each phase, the first on top."""
    down = FactorRange(factors=shown.factors[::-1], name=LANES + REVERSED)
    plot = _over_moments(shown, shown.height or 100, y_range=down, name=LANES + PLOT)
    drawn = plot.hbar(
        y="lane", left="time", right="end", height=0.8, fill_color="color", line_color=None,
        fill_alpha="alpha", source=_source(shown),
    )  # fmt: skip
    tooltips = [("", "@lane"), ("events", "@events"), ("not whole", "@not_ok")]
    plot.add_tools(hover([drawn], tooltips))
    plot.ygrid.visible = False
    return plot


def _source(shown: Series) -> ColumnDataSource:
    return ColumnDataSource(shown.data, name=shown.name)


def _over_moments(shown: Series, height: int, **options: Any) -> figure:
    """An empty plot over time, zoomed along it, with the silences shaded."""
    times = DataRange1d(range_padding=0.01, default_span=10_000)
    plot = chart(height, zoom="width", x_axis_type="datetime", x_range=times, **options)
    plot.xaxis.ticker = DatetimeTicker(desired_num_ticks=5)
    shade(plot, ColumnDataSource(shown.others[SILENCES], name=shown.name + SILENCES))
    return plot


def shade(plot: figure, silences: ColumnDataSource) -> None:
    """Shade the times in which nothing of the gateway succeeded."""
    plot.vstrip(
        "begin", "end", source=silences, color=RED, alpha=SHADE, line_color=None, level="underlay"
    )
