"""Phase 1: four roles searched, retrieval only, then the choices recorded."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.metrics.event import Item
from mcstress.users.board import Recordings
from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import EventScope
from mcstress.users.phases.registry import Task
from mcstress.users.scenarios.model import Demand


def baseline(me: Coordinator) -> Iterator[Task]:
    """One event a role, then tells partners what is recorded."""
    answers: dict[str, Item] = {}
    for demand in me.contract.demands:
        yield partial(_search_and_record, me, demand, answers)
    if me.gives:
        seat = me.seat
        me.around.publish(Recordings(seat.persona, seat.trio, me.round, me.namespace, answers))


def _search_and_record(me: Coordinator, demand: Demand, answers: dict[str, Item]) -> None:
    """Note in ``answers`` the hit that the playbook took."""
    with EventScope(me, "baseline", contract=me.contract.name, role=demand.role) as act:
        found = act.search(demand.query, rules=me.rules_of(demand))
        truth = me.truth_of(demand) if found else None
        if truth:
            truth.grade(act.event)
        choice = me.choose(found.hits) if found else None
        if choice and act.record(demand.query, choice.id, choice.corpus, demand.role):
            answers[demand.role] = Item(choice.id, choice.corpus)
    me.baselines[demand.role] = act.event.seq
    me.baselines_began_s[demand.role] = act.event.time.timestamp()
