"""The table of figures in docs/metrics.md: ``python -m mcstress.metrics.docs_page`` prints it."""

from __future__ import annotations

import sys

from mcstress.metrics.latency import PART_PHASES, STEP_PHASES
from mcstress.metrics.metric import MetricName
from mcstress.metrics.names import metric_names
from mcstress.metrics.phase import PHASES

FAMILIES = {
    "errors.by_step.": ("matrix_search", "<step>"),
    "events.by_phase.": ("baseline", "<phase>"),
    "latency.phases.": ("baseline", "<phase>"),
    "latency.phases_service.": ("baseline", "<phase>"),
    "latency.response.": ("baseline", "<phase>"),
    "latency.queue.": ("llm_parse_demand", "<LLM step>"),
    "latency.": ("matrix_search", "<step>"),
}
"""Figures that every step or phase has: the one that stands for all, and what takes its place."""


APART = "latency.lateness."
"""Not one family: each of its parts means something else."""


def table() -> str:
    """Markdown, one row for each figure or family of figures."""
    rows = [row for metric in metric_names() if (row := _row(metric))]
    head = "| figure | meaning | unit | samples | phases |\n|---|---|---|---|---|"
    steps, phases = (", ".join(f"`{name}`" for name in names) for names in (STEP_PHASES, PHASES))
    parts = ", ".join(f"`{name}`" for name in PART_PHASES)
    told = f"Steps: {steps}; `latency` also has their parts: {parts}. Phases: {phases}."
    return "\n".join([head, *rows, "", told, ""])


def _row(metric: MetricName) -> str | None:
    phases = "all" if len(metric.phases) == len(PHASES) else metric.phases[0]
    family = next(
        (words for start, words in FAMILIES.items() if metric.name.startswith(start)), None
    )
    if metric.name.startswith(APART):
        family = None
    cells = [f"`{metric.name}`", metric.meaning, metric.unit, f"`{metric.samples}`", phases]
    if family is not None:
        if family[0] not in metric.name:
            return None
        one, any_ = family
        cells = [
            cells[0].replace(one, any_),
            metric.meaning.replace(one, f"`{any_}`"),
            metric.unit,
            cells[3].replace(one, any_),
            "its own",
        ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(table())
