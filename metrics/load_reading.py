"""What the load curve says, in a sentence: from how many users on quality leaves its range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mcstress.metrics.availability import Silence
from mcstress.metrics.band import BandEntry
from mcstress.metrics.check import Check, parse_check
from mcstress.metrics.metric import COUNT, NOT_MEASURED, OPERATORS
from mcstress.metrics.names import METRICS, PLANNED_SHARE, find
from mcstress.metrics.outside_outages import is_known
from mcstress.metrics.rate_reading import rate_reading
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

Entries = Sequence[BandEntry]
Calm = Mapping[int, BandEntry]
"""A band's figures outside of silences, by its lowest number of users (outside_outages.py)."""

Held = Sequence[tuple[BandEntry, bool | None]]


def healthy_checks() -> list[Check]:
    """The seed's healthy ranges as checks, one sample each being enough."""
    return [
        parse_check(f"{name} {its[0].operator} {its[0].limit:g}") for name, its in ranges().items()
    ]


def load_curve_reading(
    curve: Entries,
    checks: Sequence[Check],
    most_users: int | None = None,
    calm: Mapping[int, BandEntry] = {},
    silences: Sequence[Silence] = (),
    *,
    starved: str = "",
) -> str:
    """One sentence: which checks do not hold, and at what load; or that all do.

    Figures that no check names are held to their healthy ranges, and told apart from checks.
    ``most_users``: the most there were, where that is known; a band may reach beyond. What is bad
    in ``silences`` only is not put down to users. ``starved``: why nothing that broke under a
    schedule can be charged to the service.
    """
    if not curve:
        return "Nothing was measured."
    if rates := [entry for entry in curve if "offered_from" in entry]:
        of_bands = [check for check in checks or healthy_checks() if is_of_a_band(check)]
        return rate_reading(rates, of_bands, band_holds, leaves, most_users, starved=starved)
    if most_users:
        curve = [{**entry, "users_to": min(entry["users_to"], most_users)} for entry in curve]
    are_asked, checks = bool(checks), [check for check in checks if is_of_a_band(check)]
    named = {check.metric for check in checks}
    readings = [
        its
        for its in healthy_checks()
        if is_of_a_band(its) and its.metric not in named and _was_measured(curve, its)
    ]
    judged = {
        check: [(entry, band_holds(entry, check)) for entry in curve]
        for check in [*checks, *readings]
    }
    outside = {check: _outside(check, held, calm, silences) for check, held in judged.items()}
    said = [told for check in (checks if are_asked else readings) if (told := outside[check])]
    beside = [told for check in readings if are_asked and (told := outside[check])]
    unjudged = [
        words
        for check in (checks if are_asked else readings)
        if (words := _unjudged(check, judged[check]))
    ]
    tried = f"tried: {_span(curve[0], curve[-1])}" + ("" if len(curve) > 1 else ", one band only")
    if unjudged:
        tried += f"; {TOO_FEW}: " + ", ".join(unjudged)
    if not said:
        within = "could be judged" if unjudged else "was tried"
        left = "No check's figure left its" if beside else "No figure left its healthy"
        said = [f"{left} range within what {within}"]
    also = f" Of figures that no check asks for: {'; '.join(beside)}." if beside else ""
    return f"{'; '.join(said)} ({tried}).{also}"


def is_of_a_band(check: Check) -> bool:
    """Whether a band can pass or fail it: a run's least number of something is not a band's."""
    counted = METRICS[check.metric].unit == COUNT and check.operator in (">", ">=")
    return not counted and not check.metric.startswith(
        ("faults.", "availability.", "arrivals.", "capacity.")
    )


def _was_measured(curve: Entries, check: Check) -> bool:
    """Whether its section says nowhere that it could not be: what nobody asked for goes unsaid."""
    section = check.metric.partition(".")[0]
    return any((entry.get(section) or {}).get(NOT_MEASURED) is None for entry in curve)


def _unjudged(check: Check, held: Held) -> str:
    """The figure, and the bands that have too few samples of it where others have enough."""
    silent = [entry for entry, holds in held if holds is None]
    if len(silent) == len(held):
        return _label(check.metric)
    spans = " and ".join(_span(entry, entry) for entry in silent)
    return f"{_label(check.metric)} at {spans}" if spans else ""


def _outside(check: Check, held: Held, calm: Calm, silences: Sequence[Silence]) -> str | None:
    words = leaves(check)
    judged = [(entry, holds) for entry, holds in held if holds is not None]
    outside = [entry for entry, holds in judged if not holds]
    if not outside:
        return None
    blamed = [entry for entry in outside if not _is_calm(calm, entry, check)]
    if not blamed:
        when = ", ".join(map(str, silences))
        return f"{words} only around times when nothing succeeded ({when}), whatever the users"
    outside = blamed
    if len(outside) == len(judged):
        return f"{words} at every load {'tried' if len(judged) == len(held) else 'judged'}"
    if [entry for entry, _ in judged[-len(outside) :]] == outside:
        return f"{words} from {outside[0]['users_from']} users on"
    return f"{words} at " + " and ".join(_span(entry, entry) for entry in outside)


def leaves(check: Check) -> str:
    """``determinism falls below 0.95``."""
    return f"{_label(check.metric)} {LEAVES[check.operator].format(t=check.threshold)}"


def _is_calm(calm: Calm, entry: BandEntry, check: Check) -> bool:
    """Whether nothing shows that a band is bad outside of silences, which it had."""
    figures = calm.get(entry["users_from"])
    if figures is None or not is_known(check.metric):
        return False
    return band_holds(figures, check) is not False


def band_holds(entry: BandEntry, check: Check) -> bool | None:
    """Whether a band passes; None where it has too few questions or samples to say."""
    results = {"metrics": entry, "latency": entry["latency"]}
    value = find(results, check.metric)
    metric = METRICS[check.metric]
    samples = find(results, metric.samples) or 0
    asked = find(results, metric.questions) if metric.questions else None
    planned = (find(results, metric.planned) if metric.planned else None) or 0
    enough = (samples if asked is None else asked) >= check.needs
    if value is None and enough and check.operator in ("<", "<="):
        # A percentile among what never ended is above any limit that is asked for.
        section, _, leaf = check.metric.rpartition(".")
        return False if leaf in (find(results, f"{section}.at_least_ms") or {}) else None
    if value is None or not enough or samples < PLANNED_SHARE * planned:
        return None
    return OPERATORS[check.operator](value, check.threshold)


def _span(first: BandEntry, last: BandEntry) -> str:
    low, high = first["users_from"], last["users_to"]
    return f"{low} users" if low == high else f"{low} to {high} users"


def _label(name: str) -> str:
    """A figure's name as a sentence has it: ``determinism`` for ``determinism.mean_jaccard``."""
    return name.removesuffix(".mean_jaccard")
