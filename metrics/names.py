"""The names of all figures: what each means, and the samples, plan and phases behind it.

One table for checks, the documentation and the page, made of the registered metrics. A name is the
path of the figure in a run's JSON, without the leading ``metrics.``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from mcstress.metrics.inbox import field_figure
from mcstress.metrics.metric import BESIDE_METRICS, MetricName
from mcstress.metrics.phase import PHASES
from mcstress.metrics.registry import REGISTRY

PLANNED_SHARE = 0.8
"""Of the samples that were planned, the share below which a figure says nothing."""


class _MetricNames(Mapping[str, MetricName]):
    """Every figure by name, of the phases and metrics that are known when it is asked.

    What a scenario's messages are read for has names of its own, which are no part of the list.
    """

    def __getitem__(self, name: str) -> MetricName:
        named = _named(tuple(PHASES), tuple(REGISTRY))
        return named.get(name) or field_figure(name) or named[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_named(tuple(PHASES), tuple(REGISTRY)))

    def __len__(self) -> int:
        return len(_named(tuple(PHASES), tuple(REGISTRY)))


@lru_cache(maxsize=1)
def _named(_phases: tuple[str, ...], metrics: tuple[str, ...]) -> dict[str, MetricName]:
    """The figures, those of one section together, sections as they come first."""
    names = [name for key in metrics for name in REGISTRY[key].names()]
    sections = list(dict.fromkeys(name.name.partition(".")[0] for name in names))
    names.sort(key=lambda name: sections.index(name.name.partition(".")[0]))
    return {name.name: name for name in names}


METRICS: Mapping[str, MetricName] = _MetricNames()
"""Every figure that a check can name, by name, in the order of the report."""


def metric_names() -> list[MetricName]:
    """Every figure, in the order of the report."""
    return list(METRICS.values())


def find(results: Mapping[str, Any], name: str) -> Any:
    """What ``results`` (a run's JSON, or what Figures gives) hold at ``name``, or None."""
    beside = name.partition(".")[0] in BESIDE_METRICS
    found: Any = results if beside else results.get("metrics")
    for key in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found
