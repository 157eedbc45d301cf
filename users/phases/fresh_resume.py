"""Phase 1b: a new resume is added, and the matching query should find it.

The search goes over a new connection, so that a replica that did not get the resume is met. What is
not found at once is looked for again (freshness_poll.py), while the coordinator goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.metrics.event import LOOK
from mcstress.services.clock import CLOCK
from mcstress.services.target import NewItem, Search
from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import EventScope
from mcstress.users.freshness_poll import FreshnessPoll
from mcstress.users.inserts import resume_id
from mcstress.users.phases.registry import Task
from mcstress.users.scenarios.model import Resume


def fresh_resume(me: Coordinator) -> Iterator[Task]:
    """One event for each resume that the coordinator gets."""
    for number, resume in enumerate(me.resumes(), start=1):
        yield partial(_add_and_search, me, number, resume)


def _add_and_search(me: Coordinator, number: int, resume: Resume) -> None:
    contract, query = me.contract.name, resume.query
    with EventScope(me, "fresh_resume", contract=contract, query=query, number=number) as act:
        scenario = me.run.scenario
        id_ = resume_id(me, number, CLOCK.now_s())
        act.expect(id_, scenario.fresh_corpus)
        if act.add(NewItem(id_, scenario.fresh_corpus, resume.text, resume.metadata)):
            _look(act, resume.query)


def _look(act: EventScope, query: str) -> None:
    """The first look; where it does not see the resume, the event ends with the last one."""
    me, added = act.coordinator, act.steps[-1]
    scenario = me.run.scenario
    corpora = [*dict.fromkeys([*scenario.corpora, scenario.fresh_corpus])]
    act.search(query, corpora=corpora, look=LOOK)
    poll = FreshnessPoll(act, Search(query, corpora, act.event.k), added)
    if not poll.saw(act.steps[-1]) and me.around.polls.has_room:
        act.keep_open()
        me.around.polls.start(poll)
        # The connection is the poll's from here on.
        me.target = me.around.target.connect()
