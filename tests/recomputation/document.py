"""A document held against its own events, figure by figure."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose
from typing import Any

from recomputation import over_time, quality
from recomputation.estimates import bonett_price, wilson

Document = dict[str, Any]
OF_A_PERCENTILE = 0.0026
"""What the report says that its percentiles are off by at most, and the last digit of it."""
COMPARED = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def recomputed(document: Document) -> Document:
    """What the document should say, by its own names."""
    events = document["events"]
    return {
        "metrics": {
            "relevance": quality.relevance(events) | quality.by_truth(events),
            "determinism": quality.determinism(events),
            "stability": {"against_rest": quality.against_rest(events)},
            "handover": {
                "verbatim": quality.handover(events, "handover"),
                "paraphrase": quality.handover(events, "handover_paraphrase"),
            },
            "freshness": quality.freshness(events),
            "swap": quality.swap(events),
            "inbox": quality.inbox(events),
            "llm": quality.llm(events),
            "errors": over_time.errors(document),
            "availability": over_time.availability(document),
        },
        "latency": over_time.latency(document),
        "faults": quality.faults(events),
        "checks": [check(document, one) for one in document["checks"]],
        "verdict": verdict(document),
        "timeline": {"slots": over_time.axis(document, "timeline")},
        "time_axis": {"slots": over_time.axis(document, "time_axis")},
        "load_curve": over_time.paces(document),
    }


def check(document: Document, told: Document) -> Document:
    """Its value, and whether it is certain, by the document's own figures."""
    value, holds = figure(document, told["metric"]), COMPARED[told["operator"]]
    judged = told["verdict"] in ("pass", "fail")
    crosses = told["ci95"] is not None and (
        len({holds(end, told["threshold"]) for end in told["ci95"]}) == 2
        or told["ci95"][0] < told["threshold"] < told["ci95"][1]
    )
    found = {
        "value": value,
        "crosses": crosses,
        "certain": judged and told["ci95"] is not None and not crosses,
    }
    if judged and value is not None:
        found["verdict"] = "pass" if holds(value, told["threshold"]) else "fail"
    if told["enough"] is not None:
        found["enough"] = enough(document, told, value)
    return found


def enough(document: Document, told: Document, value: float) -> int:
    """The first number of questions whose interval lies on one side."""
    holds, at, number = COMPARED[told["operator"]], told["threshold"], 1
    section = told["metric"].removesuffix("lift")
    while True:
        if told["metric"].endswith(".lift"):
            pairs, gained, lost = (
                figure(document, section + leaf)
                for leaf in ("pairs", "memory_only", "control_only")
            )
            ends = bonett_price(gained / pairs * number, lost / pairs * number, number)
        else:
            ends = wilson(value, number)
        if holds(ends[0], at) == holds(ends[1], at):
            return number
        number += 1


def verdict(document: Document) -> str:
    """Fail if one failed, unknown if one is or none passed."""
    found = {one["verdict"] for one in document["checks"]}
    if "fail" in found:
        return "fail"
    return "pass" if "pass" in found and "unknown" not in found else "unknown"


def figure(document: Document, name: str) -> Any:
    """The figure that checks know by ``name``."""
    first, *rest = name.split(".")
    found = document[first] if first in ("latency", "faults") else document["metrics"].get(first)
    for part in rest:
        found = (found or {}).get(part)
    return found


def differences(document: Document, expected: Document | None = None) -> list[str]:
    """Where the document does not say what its events do; ``expected`` is ``recomputed`` of it."""
    return [*_compared(document, expected or recomputed(document), "")]


def _compared(told: Any, expected: Any, path: str) -> Iterator[str]:
    if isinstance(expected, dict):
        for name, value in expected.items():
            if not isinstance(told, dict) or (name not in told and value is not None):
                yield f"{path}.{name}: not there, expected {value}"
            else:
                yield from _compared(told.get(name), value, f"{path}.{name}")
    elif isinstance(expected, list):
        if not isinstance(told, list) or len(told) != len(expected):
            yield f"{path}: {told}, expected {expected}"
        else:
            for number, (one, other) in enumerate(zip(told, expected, strict=True)):
                yield from _compared(one, other, f"{path}[{number}]")
    elif not _is_same(told, expected, path):
        yield f"{path}: {told}, expected {expected}"


def _is_same(told: Any, expected: Any, path: str) -> bool:
    if not isinstance(expected, float) or told is None:
        return bool(told == expected)
    if path.startswith(".latency") and not path.endswith("max_ms"):
        return isclose(told, expected, rel_tol=OF_A_PERCENTILE)
    # Values of questions are kept in billionths, latencies and silences to a millionth.
    return isclose(told, expected, abs_tol=0 if path.endswith("mcnemar_p") else 2e-6)
