"""``--mix``: single requests by weights for a schedule's arrivals, apart from a round's phases.

Each is an event: a search for one of the coordinator's roles, retrieval only; the recording of what
its last such search found (it searches first where it found nothing yet); a new resume added. What
is drawn, and for which role, depends on the seed and the seat alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import accumulate

from mcstress.metrics.event import Item
from mcstress.services.steady_clock import CLOCK
from mcstress.services.target import NewItem
from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import EventScope
from mcstress.users.inserts import resume_id
from mcstress.users.phases.registry import Task
from mcstress.users.scenarios.model import Demand

IN_A_ROUND = 20
"""Between two rounds a coordinator can take another seat."""

Chosen = dict[str, Item]
"""By role, what the coordinator's last search for it chose."""


def mixed(coordinator: Coordinator) -> Iterator[Task]:
    """A round's worth of single requests."""
    run, seat = coordinator.run, coordinator.seat
    names, ends = list(run.mix), list(accumulate(run.mix.values()))
    chosen: Chosen = {}
    for number in range(1, IN_A_ROUND + 1):
        drawn = (seat.name, seat.generation, coordinator.round, number)
        place = run.draw("mix", *drawn) / 2**64 * ends[-1]
        name = next(name for name, end in zip(names, ends, strict=True) if place < end)
        demands = coordinator.contract.demands
        demand = demands[run.draw("mix demand", *drawn) % len(demands)]
        if name == "mix_add":
            yield partial(_add, coordinator, number)
        else:
            make = _record if name == "mix_record" else _search
            yield partial(make, coordinator, demand, chosen)


def _scope(coordinator: Coordinator, phase: str, demand: Demand) -> EventScope:
    return EventScope(coordinator, phase, contract=coordinator.contract.name, role=demand.role)


def _search(coordinator: Coordinator, demand: Demand, chosen: Chosen) -> None:
    with _scope(coordinator, "mix_search", demand) as scope:
        _find(scope, demand, chosen)


def _record(coordinator: Coordinator, demand: Demand, chosen: Chosen) -> None:
    with _scope(coordinator, "mix_record", demand) as scope:
        if demand.role not in chosen:
            _find(scope, demand, chosen)
        if (answer := chosen.get(demand.role)) is not None:
            scope.record(demand.query, answer.id, answer.corpus, demand.role)


def _find(scope: EventScope, demand: Demand, chosen: Chosen) -> None:
    found = scope.search(demand.query)
    if found is not None and (choice := scope.coordinator.choose(found.hits)) is not None:
        chosen[demand.role] = Item(choice.id, choice.corpus)


def _add(coordinator: Coordinator, number: int) -> None:
    run, resumes = coordinator.run, coordinator.variant.resumes
    drawn = (run.fresh_prefix, coordinator.name, coordinator.round, number)
    resume = resumes[run.draw("mix resume", *drawn) % len(resumes)]
    its = resume.of(run.scenario.names.by(run.draw("name", *drawn)))
    with EventScope(
        coordinator, "mix_add", contract=coordinator.contract.name, number=number
    ) as scope:
        id_ = resume_id(coordinator, number, CLOCK.now_s())
        scope.add(NewItem(id_, run.scenario.fresh_corpus, its.text, its.metadata))
