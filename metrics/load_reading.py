"""What the load curve says, in a sentence: from how many users on quality leaves its range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcstress.metrics.check import Check, parse_check
from mcstress.metrics.metric import COUNT, OPERATORS
from mcstress.metrics.names import METRICS, PLANNED_SHARE, find
from mcstress.metrics.readings import ranges

LEAVES = {
    "<": "reaches {t:g}",
    "<=": "rises above {t:g}",
    ">": "falls to {t:g}",
    ">=": "falls below {t:g}",
    "==": "is not {t:g}",
    "!=": "is {t:g}",
}

TOO_FEW = (
    f"not judged, with too few questions or under {100 * PLANNED_SHARE:g} % of the planned samples"
)

Entry = dict[str, Any]
Entries = Sequence[Entry]


def healthy_checks() -> list[Check]:
    """The seed's healthy ranges as checks, one sample each being enough."""
    return [
        parse_check(f"{name} {its[0].operator} {its[0].limit:g}") for name, its in ranges().items()
    ]


def load_curve_reading(
    curve: Entries, checks: Sequence[Check], most_users: int | None = None
) -> str:
    """One sentence: which checks do not hold, and at what load; or that all do.

    ``most_users``: the most there were, where that is known; a band may reach beyond.
    """
    if not curve:
        return "Nothing was measured."
    if most_users:
        curve = [entry | {"users_to": min(entry["users_to"], most_users)} for entry in curve]
    judged = {
        check: [(entry, _holds(entry, check)) for entry in curve]
        for check in checks
        if _is_of_a_band(check)
    }
    said = [sentence for check in judged if (sentence := _outside(check, judged[check]))]
    unjudged = [words for check in judged if (words := _unjudged(check, judged[check]))]
    tried = f"tried: {_span(curve[0], curve[-1])}" + ("" if len(curve) > 1 else ", one band only")
    if unjudged:
        tried += f"; {TOO_FEW}: " + ", ".join(unjudged)
    if not said:
        within = "could be judged" if unjudged else "was tried"
        said = [f"No figure left its healthy range within what {within}"]
    return f"{'; '.join(said)} ({tried})."


def _is_of_a_band(check: Check) -> bool:
    """Whether a band can pass or fail it: a run's least number of something is not a band's."""
    counted = METRICS[check.metric].unit == COUNT and check.operator in (">", ">=")
    return not counted and not check.metric.startswith("faults.")


def _unjudged(check: Check, held: Sequence[tuple[Entry, bool | None]]) -> str:
    """The figure, and the bands that have too few samples of it where others have enough."""
    silent = [entry for entry, holds in held if holds is None]
    if len(silent) == len(held):
        return _label(check.metric)
    spans = " and ".join(_span(entry, entry) for entry in silent)
    return f"{_label(check.metric)} at {spans}" if spans else ""


def _outside(check: Check, held: Sequence[tuple[Entry, bool | None]]) -> str | None:
    judged = [(entry, holds) for entry, holds in held if holds is not None]
    outside = [entry for entry, holds in judged if not holds]
    if not outside:
        return None
    leaves = f"{_label(check.metric)} {LEAVES[check.operator].format(t=check.threshold)}"
    if len(outside) == len(judged):
        return f"{leaves} at every load {'tried' if len(judged) == len(held) else 'judged'}"
    if [entry for entry, _ in judged[-len(outside) :]] == outside:
        return f"{leaves} from {outside[0]['users_from']} users on"
    return f"{leaves} at " + " and ".join(_span(entry, entry) for entry in outside)


def _holds(entry: Entry, check: Check) -> bool | None:
    """Whether a band passes; None where it has too few questions or samples to say."""
    results = {"metrics": entry, "latency": entry["latency"]}
    value = find(results, check.metric)
    metric = METRICS[check.metric]
    samples = find(results, metric.samples) or 0
    asked = find(results, metric.questions) if metric.questions else None
    planned = (find(results, metric.planned) if metric.planned else None) or 0
    enough = (samples if asked is None else asked) >= check.needs
    if value is None or not enough or samples < PLANNED_SHARE * planned:
        return None
    return OPERATORS[check.operator](value, check.threshold)


def _span(first: Entry, last: Entry) -> str:
    low, high = first["users_from"], last["users_to"]
    return f"{low} users" if low == high else f"{low} to {high} users"


def _label(name: str) -> str:
    """A figure's name as a sentence has it: ``determinism`` for ``determinism.mean_jaccard``."""
    return name.removesuffix(".mean_jaccard")
