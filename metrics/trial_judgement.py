"""Whether a trial of a rate held, and who is to blame where not; and the run's checks of a search.

A trial holds where every check holds on its own events (one with too few samples is no failure), no
arrival was missed, what waited for a user waited for at most a twentieth of the trial (p95; more
waits where the rate is above what is done, and the wait grows with time), and nothing waits any
more half a minute later. Where it does not hold, the load generator is to blame if it did not keep
up itself, the pool if nearly all users were busy (Little's law, rate_reading.py), else the service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, Literal

import msgspec

from mcstress.metrics.arrivals import Trial
from mcstress.metrics.band import BandEntry
from mcstress.metrics.capacity import capacity_reading, per_s
from mcstress.metrics.capacity_search import CapacitySearch
from mcstress.metrics.check import Check
from mcstress.metrics.load_reading import band_holds, healthy_checks, is_of_a_band, leaves
from mcstress.metrics.rate_reading import used_up
from mcstress.metrics.verdict import CheckOutcome, evaluate

MOST_STARVED = 0.2
"""Of a trial's seconds: with more in which a process did not keep up, nothing is the service's."""
MOST_QUEUE = 0.05
"""Of a trial's length: what most arrivals of a rate that is kept up with wait at most."""
OTHER_MIX = 0.05
"""A phase's share of the events that differs by more is another mix, unless chance does it."""
SIGMAS = 3.0

Blame = Literal["service", "pool", "generator", "mix"]


class Watched(msgspec.Struct, frozen=True):
    """How the processes themselves did: seconds that they watched, and those of them too busy."""

    seconds: int = 0
    saturated: int = 0


class Circumstances(msgspec.Struct, frozen=True):
    """What a trial is judged by beside its events.

    ``lowest`` is the entry of the first trial, which says how fast the service is at rest, and what
    the mix of phases is. ``waiting``: arrivals that still waited when the pause was given up.
    """

    checks: Sequence[Check]
    users: int
    lowest: BandEntry
    watched: Watched = Watched()
    waiting: int = 0


def judged(trial: Trial, entry: BandEntry, by: Circumstances) -> Trial:
    """``trial`` with its mix and pace, and with ``held``, or else what did not hold and why."""
    counts = {phase: n for phase, n in entry["events"]["by_phase"].items() if n}
    events = sum(counts.values())
    mix = {phase: round(n / events, 4) for phase, n in counts.items()}
    trial = msgspec.structs.replace(trial, requests_per_s=entry["requests_per_s"], mix=mix)
    if said := _other_mix(mix, events, by.lowest):
        return msgspec.structs.replace(trial, held=False, why=said, by="mix")
    broken = _broken(trial, entry, by)
    if not broken:
        return msgspec.structs.replace(trial, held=True)
    blame, why = _blame(entry, by, ", ".join(words for _, words in broken))
    return msgspec.structs.replace(trial, held=False, why=why, check=broken[0][0], by=blame)


def _broken(trial: Trial, entry: BandEntry, by: Circumstances) -> list[tuple[str, str]]:
    """Each check that does not hold, and in words."""
    checks = [check for check in by.checks or healthy_checks() if is_of_a_band(check)]
    found = [(one.text, leaves(one)) for one in checks if band_holds(entry, one) is False]
    if missed := entry["missed"]:
        found.append(("arrivals.missed == 0", f"{missed:,} arrivals were missed"))
    queue_ms = entry["latency"].get("lateness", {}).get("queue", {}).get("p95_ms") or 0.0
    if queue_ms > MOST_QUEUE * trial.seconds * 1000:
        found.append(
            ("offered is done", f"arrivals waited up to {queue_ms / 1000:.2g} s for a user (p95)")
        )
    if by.waiting:
        found.append(
            ("recovers", f"the service did not recover: {by.waiting:,} arrivals waited on")
        )
    return found


def _blame(entry: BandEntry, by: Circumstances, said: str) -> tuple[Blame, str]:
    watched = by.watched
    if watched.saturated > MOST_STARVED * watched.seconds:
        return "generator", (
            f"the load generator did not keep up in {watched.saturated:,} of {watched.seconds:,} "
            f"seconds (its own timer was late, or it took over 90 % of a core), and {said}"
        )
    if needed := used_up(entry, by.lowest, by.users):
        return "pool", (
            f"the pool of {by.users:,} users was used up (about {needed:,} are needed), and {said}"
        )
    return "service", said


def _other_mix(mix: Mapping[str, float], events: int, lowest: BandEntry) -> str:
    """Which phase's share is not what it was in the first trial; empty where all are alike."""
    before = lowest["events"]["by_phase"]
    total = sum(before.values())
    if not (total and events):
        return ""
    for phase in sorted({*mix, *(name for name, n in before.items() if n)}):
        was, is_now = before.get(phase, 0) / total, mix.get(phase, 0.0)
        share = (before.get(phase, 0) + is_now * events) / (total + events)
        chance = SIGMAS * sqrt(share * (1 - share) * (1 / total + 1 / events))
        if abs(is_now - was) > max(OTHER_MIX, chance):
            return (
                f"its events are of another mix than the first trial's: {is_now:.0%} {phase}, "
                f"not {was:.0%}"
            ).replace("%", " %")
    return ""


def evaluate_search(
    checks: Sequence[Check],
    results: Mapping[str, Any],
    trials: Sequence[Trial],
    **how: Any,
) -> list[CheckOutcome]:
    """What becomes of the checks of a search for the capacity; ``how`` is for ``evaluate``.

    Those of the capacity are of the whole run; the others of the highest rate that held, or where
    none did of the lowest tried. What a single trial cannot tell is left out, and says why.
    """
    search = CapacitySearch.of(trials)
    of = search.held or (min(trials, key=lambda one: one.rate_per_s) if trials else None)
    entry = next(
        (one for one in results["load_curve"] if of and one.get("trial") == of.number), None
    )
    outcomes = []
    for check in checks:
        if check.metric.startswith("capacity."):
            outcomes += [
                msgspec.structs.replace(outcome, reason=capacity_reading(trials).rstrip("."))
                if outcome.verdict == "unknown" and how["complete"]
                else outcome
                for outcome in evaluate([check], results, **how)
            ]
        elif entry is None or of is None:
            outcomes.append(_left_out(check, "no trial of a rate was judged", how))
        elif of.held is not True and of.by != "service":
            outcomes.append(_left_out(check, f"at {per_s(of)} {of.why or 'it ended'}", how))
        else:
            outcomes.append(_of_trial(check, entry, results, how))
    return outcomes


def _of_trial(
    check: Check, entry: BandEntry, results: Mapping[str, Any], how: Mapping[str, Any]
) -> CheckOutcome:
    its = {"metrics": _with_fates(entry), "latency": entry["latency"], "faults": results["faults"]}
    (outcome,) = evaluate([check], its, **{**how, "starved": ""})
    if how["complete"] and outcome.verdict == "unknown":
        return _left_out(check, f"in one trial: {outcome.reason}", how)
    return outcome


def _with_fates(entry: BandEntry) -> BandEntry:
    """With what became of the trial's arrivals, as far as a single one tells."""
    begun = entry["latency"].get("lateness", {}).get("queue", {}).get("count", 0)
    missed = entry["missed"]
    fates = {"offered": begun + missed, "begun": begun, "missed": missed, "cut": 0, "unknown": 0}
    return {**entry, "arrivals": fates}


def _left_out(check: Check, reason: str, how: Mapping[str, Any]) -> CheckOutcome:
    """Skipped; unknown where events or workers are missing, as every check is then."""
    (outcome,) = evaluate([check], {"metrics": {}, "latency": {}}, **how)
    if not how["complete"]:
        return outcome
    return msgspec.structs.replace(outcome, verdict="skipped", reason=reason)
