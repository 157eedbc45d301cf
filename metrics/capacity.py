"""Capacity: the highest rate of arrivals at which every check held and all that came was done.

Estimator: the search of capacity_search.py, in which each trial is judged by its own samples
(trial_judgement.py). The true capacity lies between ``events_per_s`` and ``first_broken``, which
are at most 6.3 % apart, as far as two trials of at least ten seconds each can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mcstress.metrics.arrivals import Trial
from mcstress.metrics.capacity_search import CapacitySearch
from mcstress.metrics.metric import COUNT, Metric, MetricName, ResultContext
from mcstress.metrics.number_format import a_second
from mcstress.metrics.phase import PHASES

PER_S = "a second"


class CapacityFigures(Metric):
    """Of the run as a whole: ``WholeRun.trials``. Without a search there are none."""

    key = section = "capacity"
    may_be_absent = True

    @classmethod
    def names(cls) -> Iterator[MetricName]:
        """What held, and what broke first."""
        for leaf, meaning in (
            ("events_per_s", "the highest rate at which every check held; higher is better"),
            ("requests_per_s", "requests a second at that rate"),
            ("first_broken", "the lowest rate at which a check did not hold, twice"),
        ):
            yield MetricName(f"capacity.{leaf}", meaning, PER_S, tuple(PHASES), "capacity.trials")
        meaning = "rates that were tried, repeats too"
        yield MetricName("capacity.trials", meaning, COUNT, tuple(PHASES), "capacity.trials")

    def result(self, context: ResultContext) -> dict[str, Any]:
        """The section; ``at_least`` has what is not found and at least so much."""
        trials = () if context.whole is None else context.whole.trials
        return _section(trials) if trials else {}


def _section(trials: Sequence[Trial]) -> dict[str, Any]:
    search = CapacitySearch.of(trials)
    held, broken, found = search.held, search.broken, search.ended_by == "service"
    rates = {
        "events_per_s": held.rate_per_s if held else None,
        "requests_per_s": held.requests_per_s if held else None,
    }
    return {
        **(rates if found else dict.fromkeys(rates)),
        "at_least": {} if found else {leaf: rate for leaf, rate in rates.items() if rate},
        "first_broken": broken.rate_per_s if broken and found else None,
        "first_broken_check": broken.check if broken and found else "",
        "ended_by": search.ended_by,
        "trials": len(trials),
    }


def capacity_reading(trials: Sequence[Trial]) -> str:
    """The capacity in one sentence."""
    search = CapacitySearch.of(trials)
    held, broken = search.held, search.broken
    if search.ended_by == "service" and broken is not None:
        if held is None:
            return f"The capacity is below {per_s(broken)}: there {broken.why}."
        return f"The capacity is {_rates(held)}; at {per_s(broken)} {broken.why}."
    if (limit := search.limit) is not None:
        why = f"at {per_s(limit)} {limit.why}"
    elif search.ended_by:
        why = "no higher rate is tried"
    else:
        why = "the run ended before more was known"
    if held is None:
        return f"The capacity is not known: {why}."
    return f"The capacity is at least {_rates(held)}: {why}."


def per_s(trial: Trial) -> str:
    """``405/s``."""
    return f"{a_second(trial.rate_per_s)}/s"


def _rates(trial: Trial) -> str:
    if trial.requests_per_s is None:
        return f"{per_s(trial)} events"
    return f"{per_s(trial)} events ({trial.requests_per_s:,.0f} requests a second)"
