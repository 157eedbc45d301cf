"""Phase 1b: a new resume is added, and the matching query should find it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.services.target import NewItem
from mcstress.users.coordinator import Coordinator
from mcstress.users.event_scope import EventScope
from mcstress.users.phases.registry import Task
from mcstress.users.scenarios.model import Resume


def fresh_resume(me: Coordinator) -> Iterator[Task]:
    """One event for each resume that reaches her."""
    for number, resume in enumerate(me.resumes(), start=1):
        yield partial(_add_and_search, me, number, resume)


def _add_and_search(me: Coordinator, number: int, resume: Resume) -> None:
    resume_id = f"{me.run.fresh_prefix}{me.name}-{me.round}-{number}"
    with EventScope(me, "fresh_resume", contract=me.contract.name, query=resume.query) as act:
        scenario = me.run.scenario
        act.expect(resume_id, scenario.fresh_corpus)
        item = NewItem(resume_id, scenario.fresh_corpus, resume.text, resume.metadata)
        if act.add(item):
            act.search(resume.query, corpora=[*scenario.corpora, scenario.fresh_corpus])
