"""What an event costs the process that makes it, measured before a run by a schedule.

A rate that is beyond the load generator is said at the start, and not after an hour. Measured is
CPU time, which waits for nobody: searches as a run sends them, and what figures and evidence take
of their events. An event of several steps costs more, so that what can be begun is at most this.
"""

from __future__ import annotations

from contextlib import closing
from math import ceil
from time import process_time

import msgspec

from mcstress.load.schedule import ArrivalRate
from mcstress.metrics.event import Event, Scheduled, StepRecord, utc
from mcstress.metrics.figures import Figures
from mcstress.probe_search import untraced
from mcstress.services.target import Found, Search
from mcstress.services.target_class import make_target
from mcstress.settings import Settings

BATCHES, A_BATCH = 4, 10
COUNTED = 200
MOST_SHARE = 0.9
"""Of a core: what loop_lag.py calls saturated."""


def said_of_rate(settings: Settings, url: str, processes: int) -> list[str]:
    """A line where the highest rate asked for is beyond ``processes`` of this one's speed.

    A search for the capacity finds out by itself. A stack with faults is not asked: they count from
    the first search on. Where a search fails nothing is known, and the run's figures tell of it.
    """
    asked = settings.arrivals
    if asked is None or asked.find_capacity or settings.stack_faults:
        return []
    cost_s = event_cost_s(settings, url)
    return [] if cost_s is None else _said(asked.rate, cost_s, max(processes, 1))


def _said(rate: ArrivalRate, cost_s: float, processes: int) -> list[str]:
    highest, each = max(rate.from_per_s, rate.to_per_s), MOST_SHARE / cost_s
    if highest <= each * processes:
        return []
    who = "this process" if processes == 1 else f"{processes} workers like this process"
    said = (
        f"--arrival-rate: found {rate}, and {who} can begin about {each * processes:,.0f} events a "
        f"second (one search takes {cost_s * 1000:.2g} ms of CPU); expected less, or about "
        f"{ceil(highest / each)} workers with a core each"
    )
    return [said]


def event_cost_s(settings: Settings, url: str) -> float | None:
    """CPU seconds of this process for an event of one search; None where a search fails.

    The least of some batches: what else the process did meanwhile is no part of it.
    """
    scenario = settings.scenario
    query = scenario.variants[0].contracts[0].demands[0].query
    wanted, costs_s = Search(query, scenario.corpora, settings.top_k), []
    with closing(make_target(settings.target, settings.target_setup(url))) as shared:
        target = shared.connect()
        found: Found | None = None
        for _ in range(BATCHES):
            begin_s = process_time()
            for _ in range(A_BATCH):
                step = target.search(wanted, untraced())
                if step.answer is None:
                    return None
                found = step.answer
            costs_s.append((process_time() - begin_s) / A_BATCH)
        if target is not shared:
            target.close()
    assert found is not None
    return min(costs_s) + _counting_s(settings, found)


def _counting_s(settings: Settings, found: Found) -> float:
    """CPU seconds that figures and evidence take of one event."""
    at = utc(0.0)
    events = [
        Event(
            seq=number, worker="", time=at, round=1, trio=1, phase=settings.phases[0],
            coordinator="", k=settings.top_k, users=1, latency_ms=1.0, lasted_ms=1.0,
            top_k=found.hits, found=len(found.hits),
            steps=[StepRecord("matrix.search", at, 1.0)],
            scheduled=Scheduled(intended=at, offered_per_s=1.0, response_ms=1.0),
        )
        for number in range(1, COUNTED + 1)
    ]  # fmt: skip
    begin_s = process_time()
    figures = Figures(settings.top_k, folds=False)
    figures.add_all(events)
    figures.take()
    for event in events:
        msgspec.json.encode(event)
    return (process_time() - begin_s) / COUNTED
