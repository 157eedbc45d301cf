"""The sizes of all processes over time, in one page of plots."""

from __future__ import annotations

from bokeh.embed import file_html
from bokeh.layouts import gridplot
from bokeh.models import BoxAnnotation
from bokeh.palettes import Category10_4
from bokeh.plotting import figure
from bokeh.resources import INLINE

TITLES = {
    "rss_mb": "resident memory (MB)",
    "files": "open files",
    "greenlets": "greenlets",
    "spooled_mb": "traces spooled, of all processes (MB)",
}


def draw(sizes, warm_up: float, path) -> None:
    """Write the page; the warm-up is shaded."""
    begun = min(lines[0]["time"] for lines in sizes.values())
    ended = max(lines[-1]["time"] for lines in sizes.values())
    plots = [plot(sizes, size, begun, (ended - begun) * warm_up / 60) for size in TITLES]
    grid = gridplot(plots, ncols=2, toolbar_location=None)
    path.write_text(file_html(grid, INLINE, "Soak"))


def plot(sizes, size, begun, warm_up_min):
    drawn = figure(title=TITLES[size], width=620, height=300, x_axis_label="minutes")
    drawn.add_layout(BoxAnnotation(right=warm_up_min, fill_alpha=0.08, fill_color="black"))
    for (process, lines), colour in zip(sizes.items(), Category10_4, strict=False):
        minutes = [(line["time"] - begun) / 60 for line in lines]
        values = [line[size] for line in lines]
        drawn.line(minutes, values, color=colour, line_width=1.5, legend_label=process)
    drawn.y_range.start = 0
    drawn.add_layout(drawn.legend[0], "above")
    drawn.legend.orientation = "horizontal"
    drawn.legend.label_text_font_size = "8pt"
    return drawn
