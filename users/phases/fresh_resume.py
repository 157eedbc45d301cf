"""Phase 1b: a new resume is embedded and added, and the matching query should find it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcstress.services.gateway.schema import EmbedRequest, IndexAddRequest, IndexItem
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
        if _add(act, resume, resume_id):
            act.search(resume.query, corpora=[*scenario.corpora, scenario.fresh_corpus])


def _add(act: EventScope, resume: Resume, resume_id: str) -> bool:
    """Whether the resume was embedded and taken into the index."""
    me, fresh_corpus = act.coordinator, act.coordinator.run.scenario.fresh_corpus
    embedded = act.take(me.gateway.embed(EmbedRequest(texts=[resume.text]), act.trace)).answer
    if embedded is None:
        return False
    vector = embedded.vectors[0]
    me.around.ensure_index(me.gateway, fresh_corpus, len(vector))
    item = IndexItem(id=resume_id, vector=vector, metadata=resume.metadata)
    added = me.gateway.index_add(fresh_corpus, IndexAddRequest(items=[item]), act.trace)
    return act.take(added).error is None
