"""Phase 1b: a new resume is added, and the matching query should find it.

The search goes over a new connection, so that a replica that did not get the resume is met. What is
not found at once is looked for again (freshness_poll.py), while the coordinator goes on. What was
seen is updated and deleted where the target can (changes.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.metrics.event import LOOK
from mcstress.services.steady_clock import CLOCK
from mcstress.services.target import NewItem, Search
from mcstress.users.changes import can_change
from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import EventScope
from mcstress.users.freshness_poll import FreshnessPoll
from mcstress.users.inserts import resume_id
from mcstress.users.phases.registry import Task
from mcstress.users.scenarios.model import Resume


def fresh_resume(coordinator: Coordinator) -> Iterator[Task]:
    """One event for each resume that the coordinator gets."""
    for number, resume in enumerate(coordinator.resumes(), start=1):
        if coordinator.has_come(number):
            yield partial(_add_and_search, coordinator, number, resume)


def _add_and_search(coordinator: Coordinator, number: int, resume: Resume) -> None:
    contract, query = coordinator.contract.name, resume.query
    with EventScope(
        coordinator, "fresh_resume", contract=contract, query=query, number=number
    ) as scope:
        scenario = coordinator.run.scenario
        id_ = resume_id(coordinator, number, CLOCK.now_s())
        scope.expect(id_, scenario.fresh_corpus)
        item = NewItem(id_, scenario.fresh_corpus, resume.text, {**resume.metadata})
        if scope.add(item):
            _look(scope, resume.query, item)


def _look(scope: EventScope, query: str, item: NewItem) -> None:
    """The first look; where it does not see the resume, the event ends with the last one.

    So it does where the target can change the resume.
    """
    coordinator, added = scope.coordinator, scope.steps[-1]
    scenario = coordinator.run.scenario
    corpora = [*dict.fromkeys([*scenario.corpora, scenario.fresh_corpus])]
    scope.search(query, corpora=corpora, look=LOOK)
    poll = FreshnessPoll(scope, Search(query, corpora, scope.event.k), added, item)
    goes_on = not poll.saw(scope.steps[-1]) or can_change(coordinator.can)
    if goes_on and coordinator.context.polls.has_room:
        # First, for a user's class may raise: the old one is the poll's from its start on.
        another = coordinator.context.target.connect()
        scope.keep_open()
        coordinator.context.polls.start(poll)
        coordinator.target = another
