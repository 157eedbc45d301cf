"""Phase 1: she searches her four roles, retrieval only, then records her choices."""

from __future__ import annotations

from collections.abc import Iterator

from users.act import Act
from users.board import Recordings
from users.coordinator import Coordinator
from users.scenario import Demand


def baseline(me: Coordinator) -> Iterator[None]:
    """One event a role, then tells partners what is recorded."""
    answers: dict[str, str] = {}
    for demand in me.contract.demands:
        with Act(me, "baseline", contract=me.contract.name, role=demand.role) as act:
            if recorded := _search_and_record(act, demand):
                answers[demand.role] = recorded
        me.baselines[demand.role] = act.event.seq
        yield
    me.around.publish(
        Recordings(me.seat.persona, me.seat.trio, me.round, me.namespace, answers),
    )


def _search_and_record(act: Act, demand: Demand) -> str | None:
    """The id that the playbook took, or None."""
    answer = act.search(demand.query)
    choice = act.coordinator.choose(answer.results) if answer else None
    if choice is None:
        return None
    return choice.id if act.record(demand.query, choice.id, choice.corpus, demand.role) else None
