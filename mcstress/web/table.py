"""The figures in one table, for the tab in Locust's UI and for the CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from typing import Any

import msgspec

from mcstress.evidence.report import words
from mcstress.metrics.names import COUNT, METRICS, find
from mcstress.tracing.sink import TITLES

Document = Mapping[str, Any]

SAME_ROLE = "diversity.same_role_across_contracts"
DIFFERENT_ROLES = "diversity.different_roles_within_contract"
PARTS: Mapping[str, Mapping[str, str]] = {
    "Diversity": {
        f"{SAME_ROLE}.mean_jaccard": "Jaccard of one role, two contracts",
        f"{DIFFERENT_ROLES}.mean_jaccard": "Jaccard of two roles, one contract",
    },
    "Determinism": {
        "determinism.mean_jaccard": "Jaccard of reissue and baseline",
        "determinism.identical_rate": "identical lists",
        "determinism.top1_rate": "same id at top-1",
        "determinism.mean_rbo": "rank-biased overlap",
    },
    "Handover": {
        f"handover.{kind}.{leaf}": f"{whose}: {what}"
        for kind, whose in (("verbatim", "her words"), ("paraphrase", "other words"))
        for leaf, what in (
            ("top1_rate", "with memory, top-1"),
            ("control_top1_rate", "control, top-1"),
            ("top_k_rate", "with memory, top-K"),
            ("control_top_k_rate", "control, top-K"),
            ("lift", "lift"),
        )
    },
    "Freshness": {
        "freshness.top_k_rate": "new resumes in the top-K",
        "freshness.top1_rate": "new resumes at top-1",
    },
    "Swap": {"swap.returned": "rejected ids that returned"},
    "Inbox": {
        "inbox.accepted": "messages accepted",
        "inbox.parsed": "demands parsed",
        "inbox.unparseable": "unparseable",
        "inbox.mean_rating": "judge's mean rating, 1 to 5",
        "inbox.unrated": "unrated",
    },
    "Errors": {"errors.rate": "failed steps by all steps"},
}
"""The figures shown, by their names in checks."""

COUNTED = {
    "events_made": "events made",
    "events_merged": "events in the figures",
    "made": "trace observations made",
    "sampled_out": "trace observations sampled out",
    "delivered": "trace observations delivered",
    "read_back": "trace observations read back",
    "spooled": "trace observations spooled",
}
FORMATS = {COUNT: words.count, "ms": words.milliseconds}
CSV_COLUMNS = ["part", "figure", "name", "value", "ci95_low", "ci95_high", "samples", "reading"]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure; ``name`` is empty where checks know it by none."""

    part: str
    figure: str
    name: str = ""
    value: float | None = None
    ci95: Sequence[float] | None = None
    samples: int | None = None
    reading: str = ""

    def shown(self) -> dict[str, str]:
        """As Locust's UI shows it: texts, which it escapes."""
        return {
            "part": self.part,
            "figure": self.figure,
            "value": self._value(),
            "interval": words.interval(self.ci95, signs=self.name.endswith(".lift")),
            "samples": words.count(self.samples),
            "reading": self.reading,
        }

    def _value(self) -> str:
        if self.name.endswith(".lift"):
            return words.signed(self.value)
        unit = METRICS[self.name].unit if self.name else COUNT
        return FORMATS.get(unit, words.score)(self.value)


def rows(document: Document) -> list[Row]:
    """Checks, figures, completeness; empty where there is no run."""
    if not document:
        return []
    return [*_checks(document), *_figures(document), *_completeness(document["completeness"])]


def as_csv(table: Sequence[Row]) -> str:
    """The rows as a CSV file with a header, values unrounded."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for row in table:
        low, high = row.ci95 or (None, None)
        cells = [row.part, row.figure, row.name, row.value, low, high, row.samples, row.reading]
        writer.writerow(cells)
    return text.getvalue()


def _checks(document: Document) -> Iterator[Row]:
    for check in document["checks"]:
        yield Row(
            part="Checks",
            figure=check["check"],
            name=check["metric"],
            value=check["value"],
            ci95=check["ci95"],
            samples=check["samples"],
            reading=f"{check['verdict']}: {check['reason']}",
        )


def _figures(document: Document) -> Iterator[Row]:
    for part, names in PARTS.items():
        for name, figure in names.items():
            metric = METRICS[name]
            read = document["readings"].get(name)
            yield Row(
                part=part,
                figure=figure,
                name=name,
                value=find(document, name),
                ci95=find(document, metric.interval) if metric.interval else None,
                samples=find(document, metric.samples),
                reading=f"{read['word']}: {read['meaning']}" if read else "",
            )


def _completeness(counted: Mapping[str, Any]) -> Iterator[Row]:
    tracing = counted["tracing"]
    for key, figure in COUNTED.items():
        value = counted.get(key, tracing.get(key))
        off = key in tracing and not tracing.get("on", True)
        reading = "tracing is off" if off else ""
        if key == "read_back" and value is not None and value < tracing["delivered"]:
            reading = words.visible(value, tracing["delivered"], tracing.get("read_back_within_s"))
        yield Row(part="Completeness", figure=figure, value=value, reading=reading)
    dropped = {reason: number for reason, number in tracing["dropped"].items() if number}
    yield Row(
        part="Completeness",
        figure="trace observations dropped",
        value=sum(dropped.values()),
        reading=", ".join(f"{reason}: {number:,}" for reason, number in dropped.items()),
    )
    yield from _sinks(tracing.get("sinks", ()))
    for worker in counted["workers"]:
        state = "lost" if worker["lost"] else ""
        figure = f"events of {worker['name']}"
        yield Row(part="Completeness", figure=figure, value=worker["events"], reading=state)
    for fault in counted["faults"]:
        yield Row(part="Completeness", figure="fault", reading=fault)
    for notice in (*counted.get("notices", ()), *tracing.get("faults", ())):
        yield Row(part="Completeness", figure="notice", reading=notice)


def _sinks(sinks: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """Where traces go, and what became of those that go elsewhere than to Langfuse."""
    for sink in sinks:
        title, lost = TITLES[sink["sink"]], sum(sink["dropped"].values())
        fates = {"delivered": sink["delivered"], "spooled": sink["spooled"], "lost": lost}
        told = ", ".join(f"{number:,} {fate}" for fate, number in fates.items())
        yield Row(
            part="Completeness",
            figure=f"traces by {title}",
            value=sink["made"],
            reading=f"to {sink['where']}: {told}",
        )
        if sink["sink"] != "langfuse":
            for fault in sink["faults"]:
                yield Row(part="Completeness", figure="notice", reading=f"{title}: {fault}")
