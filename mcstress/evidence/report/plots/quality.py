"""Plots of diversity, handover and freshness, and of determinism over time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bokeh.models import ColumnDataSource
from bokeh.models.annotations import Span
from bokeh.plotting import figure

from mcstress.evidence.report.plots.intervals import Estimate, bars, columns, intervals
from mcstress.evidence.report.plots.over_time import middles, time_chart
from mcstress.evidence.report.plots.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    Series,
    hover,
    legend_above,
)
from mcstress.evidence.report.section import figures
from mcstress.evidence.run_document import RunDocument
from mcstress.metrics.handover import LABELS

_NUMBER = re.compile(r"[\d.]+")


def diversity(document: RunDocument) -> figure | None:
    """Both Jaccards with their intervals, and what chance would give."""
    return intervals(list(_diversities(document)))


def _diversities(document: RunDocument) -> Iterator[Estimate]:
    names = {
        "same_role_across_contracts": "same {role}",
        "different_roles_within_contract": "two {roles}",
    }
    for key, called in names.items():
        name = document.words.fill(called)
        figure_ = figures(document, f"diversity.{key}")
        if figure_.get("mean_jaccard") is None:
            continue
        limit = healthy_limit(document, f"diversity.{key}.mean_jaccard")
        yield Estimate(name, figure_["mean_jaccard"], figure_["ci95"], BLUE, limit)
        if figure_.get("chance") is not None:
            yield Estimate(f"{name}, chance", figure_["chance"], [figure_["chance"]] * 2, GREY)


def handover(document: RunDocument) -> figure | None:
    """Hits at top-1 by kind of handover and arm."""
    shown = handover_arms(document)
    return bars(shown) if shown.factors else None


def handover_arms(document: RunDocument) -> Series:
    """A bar for every kind of handover and arm that has queries."""
    estimates = []
    for kind, name in LABELS.items():
        figure_ = figures(document, f"handover.{kind}")
        for arm, prefix, colour in (("memory", "", BLUE), ("control", "control_", GREY)):
            rate, ci95 = figure_.get(f"{prefix}top1_rate"), figure_.get(f"{prefix}ci95")
            if rate is not None and ci95 is not None:
                estimates.append(Estimate((name, arm), rate, ci95, colour))
    return Series("handover", columns(estimates), [one.name for one in estimates])


def freshness(document: RunDocument) -> figure | None:
    """New resumes found: in the end, and by the first look."""
    found, estimates = figures(document, "freshness"), []
    limit = healthy_limit(document, "freshness.visible_rate")
    for name, key, ci95, colour, healthy in (
        ("seen within 10 s", "visible_rate", "visible_ci95", BLUE, limit),
        ("at once, in the top-K", "top_k_rate", "ci95", GREEN, None),
        ("at once, at top-1", "top1_rate", "top1_ci95", GREEN, None),
    ):
        if found.get(key) is not None:
            estimates.append(Estimate(name, found[key], found[ci95], colour, healthy))
    return intervals(estimates) if estimates else None


def determinism(document: RunDocument) -> figure | None:
    """Mean Jaccard of the reissues over time, beside the number of users."""
    timeline = document.timeline
    slots = timeline.slots
    values = [slot.determinism.mean_jaccard for slot in slots]
    if all(value is None for value in values):
        return None
    source = ColumnDataSource(
        {
            "time": middles(timeline),
            "value": [float("nan") if value is None else value for value in values],
            "pairs": [slot.determinism.pairs for slot in slots],
            "users": [slot.users for slot in slots],
        }
    )
    plot = time_chart(document, 260, y_range=(0, 1.05))
    plot.line("time", "value", source=source, color=BLUE, line_width=2, legend_label="determinism")
    dots = plot.scatter("time", "value", source=source, color=BLUE, size=6)
    limit = healthy_limit(document, "determinism.mean_jaccard")
    if limit is not None:
        plot.add_layout(Span(location=limit, dimension="width", line_color=ORANGE, line_width=1.5))
    tooltips = [("mean Jaccard", "@value{0.000}"), ("pairs", "@pairs"), ("users", "@users")]
    plot.add_tools(hover([dots], tooltips))
    legend_above(plot)
    return plot


def healthy_limit(document: RunDocument, name: str) -> float | None:
    """The edge of a figure's healthy range; None where it has none."""
    reading = document.readings.get(name)
    found = _NUMBER.search(reading.healthy) if reading else None
    return float(found[0]) if found else None
