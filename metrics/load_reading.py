"""What the load curve says, in a sentence: from how many users on quality leaves its range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metrics.check import OPERATORS, Check, parse_check
from metrics.names import METRICS, find
from metrics.readings import RANGES

LEAVES = {
    "<": "reaches {t:g}",
    "<=": "rises above {t:g}",
    ">": "falls to {t:g}",
    ">=": "falls below {t:g}",
    "==": "is not {t:g}",
    "!=": "is {t:g}",
}

Entry = Mapping[str, Any]
Entries = Sequence[Entry]


def healthy_checks() -> list[Check]:
    """The seed's healthy ranges as checks, one sample each being enough."""
    return [
        parse_check(f"{name} {ranges[0].operator} {ranges[0].limit:g}")
        for name, ranges in RANGES.items()
    ]


def load_curve_reading(curve: Entries, checks: Sequence[Check]) -> str:
    """One sentence: which checks do not hold, and at what load; or that all do."""
    if not curve:
        return "Nothing was measured."
    judged = {check: _judged(curve, check) for check in checks}
    said = [sentence for check in checks if (sentence := _outside(check, judged[check]))]
    unjudged = [_label(check.metric) for check in checks if not judged[check]]
    tried = f"tried: {_span(curve[0], curve[-1])}" + ("" if len(curve) > 1 else ", one band only")
    if unjudged:
        tried += "; too few samples to say: " + ", ".join(unjudged)
    if not said:
        said = ["No figure left its healthy range within what was tried"]
    return f"{'; '.join(said)} ({tried})."


def _judged(curve: Entries, check: Check) -> list[tuple[Entry, bool]]:
    """The bands with enough samples, and whether the check holds there."""
    return [(entry, held) for entry in curve if (held := _holds(entry, check)) is not None]


def _outside(check: Check, judged: list[tuple[Entry, bool]]) -> str | None:
    outside = [entry for entry, held in judged if not held]
    if not outside:
        return None
    leaves = f"{_label(check.metric)} {LEAVES[check.operator].format(t=check.threshold)}"
    if len(outside) == len(judged):
        return f"{leaves} at every load tried"
    if [entry for entry, _ in judged[-len(outside) :]] == outside:
        return f"{leaves} from {outside[0]['users_from']} users on"
    return f"{leaves} at " + " and ".join(_span(entry, entry) for entry in outside)


def _holds(entry: Entry, check: Check) -> bool | None:
    """Whether a band passes; None where it has too few samples to say."""
    results = {"metrics": entry, "latency": entry["latency"]}
    value = find(results, check.metric)
    samples = find(results, METRICS[check.metric].samples) or 0
    if value is None or samples < check.needs:
        return None
    return OPERATORS[check.operator](value, check.threshold)


def _span(first: Entry, last: Entry) -> str:
    low, high = first["users_from"], last["users_to"]
    return f"{low} users" if low == high else f"{low} to {high} users"


def _label(name: str) -> str:
    """A figure's name as a sentence has it: ``determinism`` for ``determinism.mean_jaccard``."""
    return name.removesuffix(".mean_jaccard")
