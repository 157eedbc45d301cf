"""Plot of a schedule: what was offered, begun and missed of it, over the run's time."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from bokeh.models import ColumnDataSource, DataRange1d, DatetimeTicker, Range1d
from bokeh.plotting import figure

from mcstress.evidence.report.plots.style import BLUE, GREY, RED, Series, chart, hover, legend_above
from mcstress.evidence.run_document import RunDocument

OFFERED = "offered"
TOP = " top"
"""The range of arrivals a second."""
_LINES = {
    "offered": ("offered", GREY, "dashed"),
    "begun": ("begun", BLUE, "solid"),
    "missed": ("missed or cut", RED, "solid"),
}


def offered_and_begun(document: RunDocument) -> figure | None:
    """The report's; none without a schedule."""
    shown = rates(document)
    return draw(shown) if shown.data["time"] else None


def rates(document: RunDocument, until_s: float | None = None) -> Series:
    """By slot of the timeline, a second: arrivals offered, events begun, arrivals given up.

    Times are in Unix ms. Arrivals count by their intended time, events by when they began, so that
    a stall shows. ``until_s`` leaves out slots that end later.
    """
    width_s = document.timeline.slot_s
    offered: Counter[int] = Counter()
    lasted_s: dict[int, float] = defaultdict(float)
    for second in document.offered or ():
        slot = second.time // width_s * width_s
        offered[slot] += second.arrivals
        lasted_s[slot] += second.lasted_s
    missed: Counter[int] = Counter()
    for time, *_, number in document.unserved or ():
        missed[time // width_s * width_s] += number
    begun = {slot.time: slot.events for slot in document.timeline.slots}
    slots = [slot for slot in sorted(offered) if until_s is None or slot + width_s <= until_s]
    data: dict[str, list[Any]] = {
        "time": [(slot + width_s / 2) * 1000 for slot in slots],
        "offered": [offered[slot] / lasted_s[slot] for slot in slots],
        "begun": [begun.get(slot, 0) / lasted_s[slot] for slot in slots],
        "missed": [missed[slot] / lasted_s[slot] for slot in slots],
    }
    most = max((*data["offered"], *data["begun"]), default=0)
    return Series(OFFERED, data, ends={TOP: 1.15 * most or 1.0})


def draw(shown: Series) -> figure:
    """The plot of a schedule."""
    plot = chart(
        220,
        zoom="width",
        x_axis_type="datetime",
        x_range=DataRange1d(range_padding=0.02, default_span=10_000),
        y_axis_label="a second",
        y_range=Range1d(start=0, end=shown.ends[TOP], name=OFFERED + TOP),
    )
    plot.xaxis.ticker = DatetimeTicker(desired_num_ticks=3)
    source = ColumnDataSource(shown.data, name=OFFERED)
    for key, (label, colour, dash) in _LINES.items():
        style: dict[str, Any] = {"source": source, "color": colour, "legend_label": label}
        plot.line("time", key, line_width=2, line_dash=dash, **style)
    dots = plot.scatter("time", "offered", source=source, size=4, color=GREY)
    tooltips = [(label, f"@{key}{{0.0}}/s") for key, (label, *_) in _LINES.items()]
    plot.add_tools(hover([dots], tooltips))
    legend_above(plot)
    return plot
