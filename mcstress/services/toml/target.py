"""A target by a TOML file, as coordinators have it: its operations made into steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from functools import partial
from typing import Any, ClassVar, Self, cast
from uuid import NAMESPACE_URL, uuid5

from mcstress.errors import ServiceRefusalError
from mcstress.services.concurrent_calls import at_once
from mcstress.services.step import Step
from mcstress.services.target import (
    ADD,
    EMBED,
    INBOX,
    RECORD,
    SEARCH,
    UPDATE,
    Capabilities,
    Found,
    Message,
    NewItem,
    Recording,
    Search,
    Sizes,
    Target,
    TargetSetup,
)
from mcstress.services.toml.caller import STORE_QUERY, Caller, Known, Parts, RequestError
from mcstress.services.toml.corpus_sizes import read_sizes
from mcstress.services.toml.hits import HitRows, found_of, merged
from mcstress.services.toml.numbers import Number
from mcstress.services.toml.plan import HitsPlan, Plan, WritePlan, plan_of
from mcstress.services.toml.service import TomlService
from mcstress.services.toml.vectors import builtin_embedding, dimension_of
from mcstress.services.toml.write_requests import (
    batches,
    delete_item,
    forget_recording,
    item_values,
    recorded_values,
    together,
    until_done,
    write_items,
    write_recordings,
)
from mcstress.services.trace_context import TraceContext

WIDER = "matrix.search_wider"
"""A search that asks for more than it keeps, since the target cannot exclude."""
SEVERAL = frozenset({"vector", "dimension", "corpus", "corpus_id"})
"""What only another request, or one for each corpus, can give."""


class TomlTarget(Target):
    """What ``plan`` describes: one object a process, ``connect`` for each coordinator."""

    plan: ClassVar[Plan]

    def __init__(self, setup: TargetSetup) -> None:
        super().__init__(setup)
        plan = self.plan
        self._refuse_unnamed_corpora()
        self.services = {
            name: TomlService(f"{plan.path}: service.{name}", table, setup)
            for name, table in plan.tables.service.items()
        }
        self.caller = Caller(plan, setup, self.services, Known())
        self._host = {"host": setup.url} if setup.url else {}
        embed = plan.tables.embed
        if embed is not None and embed.builtin:
            builtin_embedding(setup.seed)

    def _refuse_unnamed_corpora(self) -> None:
        """Where one request asks several corpora, its answer must say of which a hit is."""
        plan, corpora = self.plan, dict.fromkeys(self.setup.corpora)
        for hits in (plan.search, plan.memory, plan.recall):
            if hits and hits.one_request and len(corpora) > 1 and not hits.reader.names_corpus:
                key = "answer_corpus" if hits is plan.recall else "corpus (of rows) or corpora"
                raise ServiceRefusalError(
                    f"{plan.path}: {hits.request.name}: found no {key}, expected the pointer to a "
                    f"hit's corpus, since the scenario searches {', '.join(corpora)}"
                )

    def capabilities(self) -> Capabilities:
        """What is in the file."""
        return self.plan.capabilities()

    def notes(self) -> list[str]:
        """What of the file says how figures are to be read."""
        embed, search, corpora = self.plan.tables.embed, self.plan.search, self.setup.corpora
        notes = []
        if embed is not None and embed.builtin:
            notes.append("the built-in embedding makes the vectors, outside of the measured time")
        elif embed is not None and embed.cache:
            notes.append("vectors are kept by text, their making is outside of the measured time")
        if len(corpora) > 1 and not search.one_request and not search.reader.comparable(corpora):
            notes.append("corpora are merged by rank, in turns, for their scores do not compare")
        if not self.capabilities().exclude:
            notes.append(
                "it cannot exclude: more hits are asked for, and those to exclude are dropped"
            )
        return notes

    def connect(self) -> Self:
        """One with connections of its own."""
        own = copy(self)
        own.caller = self.caller.another()
        return own

    def close(self) -> None:
        """Close the connections."""
        self.caller.close()

    def search(self, search: Search, trace: TraceContext) -> Step[Found]:
        """Step ``matrix.search``: the nearest of the corpora."""
        plan = self.plan
        hits = plan.memory if search.memory is not None and plan.memory else plan.search
        return self._ask(hits, search, trace)

    def exact(self, search: Search, trace: TraceContext) -> Step[Found]:
        """The same by ``[exact]``, which the file must have."""
        assert self.plan.exact is not None
        return self._ask(self.plan.exact, search, trace)

    def recall(self, search: Search, trace: TraceContext) -> Step[Found]:
        """Step ``matrix.search``, of the memory alone."""
        assert self.plan.recall is not None
        return self._ask(self.plan.recall, search, trace)

    def _ask(self, hits: HitsPlan, search: Search, trace: TraceContext) -> Step[Found]:
        if search.new_connection:
            self.close()
        drops = bool(search.exclude) and not hits.excludes
        name = WIDER if drops else SEARCH
        if hits.one_request and not hits.needs & SEVERAL:
            read = partial(
                hits.reader.read, corpus=self._only_corpus(search), metadata=search.metadata
            )
            values = self._values(hits, search)
            step: Step[Any] = self.caller.send(hits.request, values, trace, read=read, name=name)
            if step.error is None:  # without an answer by ``ok``: it found nothing
                rows = step.answer or HitRows([])
                step.answer, step.error = self._found(hits, search, rows)
            return step

        def work(parts: Parts) -> Found:
            found, error = self._found(hits, search, self._asked(hits, search, trace, parts))
            if found is None:
                raise RequestError(error or "")
            return found

        return self.caller.whole(name, search, work)

    def _values(self, hits: HitsPlan, search: Search) -> dict[str, Any]:
        """What the placeholders of a search stand for."""
        values: dict[str, Any] = {
            "text": search.text,
            "k": search.k,
            "corpora": search.corpora,
            "exclude_ids": search.exclude,
            **self._host,
        }
        if search.memory is not None:
            values["namespace"] = search.memory
            if search.role is not None:
                values["role"] = search.role
        if search.exclude and not hits.excludes:
            values["k"] += len(search.exclude)
        return values

    def _only_corpus(self, search: Search) -> str | None:
        return search.corpora[0] if len(search.corpora) == 1 else None

    def _found(
        self, hits: HitsPlan, search: Search, answer: HitRows
    ) -> tuple[Found | None, str | None]:
        """What the search found of ``answer``; or what is wrong with that."""
        wants = search.k
        if hits is self.plan.recall and search.role is not None and hits.reader.names_role:
            answer.rows = [row for row in answer.rows if row.role == search.role]
        if search.exclude and not hits.excludes:
            wants += len(search.exclude)
            rejected = {(one.corpus, one.id) for one in search.rejected}
            ids = set() if rejected else {*search.exclude}
            answer.rows = [
                row
                for row in answer.rows
                if row.hit.id not in ids and (row.hit.corpus, row.hit.id) not in rejected
            ]
        if not hits.one_request:
            wants *= len(search.corpora)
        found = found_of(search, answer, wants=wants, distinct=hits is self.plan.recall)
        return (None, found) if isinstance(found, str) else (found, None)

    def _asked(self, hits: HitsPlan, search: Search, trace: TraceContext, parts: Parts) -> HitRows:
        """The hits of a search of several requests, which are taken down in ``parts``."""
        caller, values = self.caller, self._values(hits, search)
        caller.vector_into(values, hits.needs, trace, parts)
        names = search.corpora
        if hits is self.plan.recall and self.plan.recall_collection is not None:
            names = [self.plan.recall_collection(values)]
            caller.ensure(names[0], _dimension(values))
        elif hits.one_request:
            names = [""]
        calls = []
        for name in names:
            of_one = dict(values)
            if name:
                caller.corpus_into(of_one, hits.needs, name)
                if search.rejected and not hits.one_request:
                    of_one["exclude_ids"] = [
                        one.id for one in search.rejected if one.corpus == name
                    ]
            corpus = self._only_corpus(search) if hits.one_request else name
            read = partial(hits.reader.read, corpus=corpus, metadata=search.metadata)
            send = partial(caller.send, hits.request, of_one, trace, read=read, name=STORE_QUERY)
            calls.append(send)
        steps = cast("list[Step[HitRows]]", at_once(calls))
        parts += steps
        answers = []
        for name, step in zip(names, steps, strict=True):
            if step.error is not None:
                raise RequestError(f"{hits.request.name} {name}".rstrip() + f": {step.error}")
            answers.append((name, step.answer or HitRows([])))
        if hits.one_request or hits is self.plan.recall:
            return answers[0][1]
        return merged(answers, by_distance=hits.reader.comparable(search.corpora))

    def record(self, recording: Recording, trace: TraceContext) -> Step[Any]:
        """Step ``playbook.record``: remember an answer in a namespace."""
        plan = self.plan.record
        assert plan is not None
        answer, values = recording.answer, recorded_values(plan, recording, self._host)
        collection = self.plan.record_collection
        corpus = answer.corpus if collection is None else collection(values)

        def work(parts: Parts) -> Any:
            self.caller.vector_into(values, plan.needs, trace, parts)
            if collection is not None:
                self.caller.ensure(corpus, _dimension(values))
            self.caller.corpus_into(values, plan.needs, corpus)
            step = self.caller.send(plan.request, values, trace, read=plan.reader, name=STORE_QUERY)
            parts.append(step)
            if step.error is not None:
                raise RequestError(f"record: {step.error}" if len(parts) > 1 else step.error)
            return step.answer

        return until_done(self.caller, self.caller.whole(RECORD, recording, work), plan, values)

    def record_all(
        self, recordings: Sequence[Recording], trace: TraceContext
    ) -> Iterator[Step[Any]]:
        """As many at once as the file's ``batch`` says."""
        plan = self.plan.record
        assert plan is not None
        if plan.batch == 1:
            yield from super().record_all(recordings, trace)
            return
        for those in together(recordings, plan.batch):
            of_each = [recorded_values(plan, one, self._host) for one in those]
            yield write_recordings(self.caller, plan, those, of_each, trace)

    def add(self, item: NewItem, trace: TraceContext) -> Iterator[Step[Any]]:
        """Step ``index.add``, after ``embed`` where a service makes the vector."""
        assert self.plan.add is not None
        return self._write(self.plan.add, item, trace, ADD)

    def update(self, item: NewItem, trace: TraceContext) -> Iterator[Step[Any]]:
        """Step ``index.update``, the same by ``[update]``."""
        assert self.plan.update is not None
        return self._write(self.plan.update, item, trace, UPDATE)

    def _write(
        self, plan: WritePlan, item: NewItem, trace: TraceContext, name: str
    ) -> Iterator[Step[Any]]:
        values = item_values(plan, item, self._host)
        error = None
        try:
            if self.plan.embed is not None and plan.needs & {"vector", "dimension"}:
                embedded = self.caller.embed(item.text, trace, EMBED)
                yield embedded
                if embedded.answer is None:
                    return
                values |= {
                    "vector": embedded.answer,
                    "dimension": dimension_of(embedded.answer),
                }
            else:
                self.caller.vector_into(values, plan.needs, trace, None)
            self.caller.ensure(item.corpus, _dimension(values))
            self.caller.corpus_into(values, plan.needs, item.corpus)
        except RequestError as fault:
            error = str(fault)
        if error is not None:
            yield self._unsent(name, item, error)
            return
        if plan.item is not None:
            values["items"] = [plan.item.value(values)]
        step = self.caller.send(plan.request, values, trace, read=plan.reader, name=name)
        yield until_done(self.caller, step, plan, values)

    def delete(self, item: NewItem, trace: TraceContext) -> Step[Any]:
        """Step ``index.delete``."""
        return delete_item(self.caller, item, trace)

    def forget(self, recording: Recording, trace: TraceContext) -> Step[Any]:
        """Step ``playbook.forget``."""
        return forget_recording(self.caller, recording, trace)

    def add_all(self, items: Sequence[NewItem], trace: TraceContext) -> Iterator[Step[Any]]:
        """As many at once as the file's ``batch`` says."""
        plan = self.plan.add
        assert plan is not None
        if plan.batch == 1:
            yield from super().add_all(items, trace)
            return
        for those in batches(items, plan.batch):
            of_each = [item_values(plan, one, self._host) for one in those]
            yield write_items(self.caller, plan, those, of_each, trace)

    def _unsent(self, name: str, asked: object, error: str) -> Step[Any]:
        """A step that failed before its own request."""

        def work(_: Parts) -> None:
            raise RequestError(error)

        return self.caller.whole(name, asked, work)

    def inbox(self, message: Message, trace: TraceContext) -> Step[Any]:
        """Step ``observerd.inbox.record``: hand in an email or SMS."""
        assert self.plan.inbox is not None
        values = self.caller.base(
            type=message.type,
            sender=message.sender,
            subject=message.subject,
            body=message.body,
            priority=message.priority,
        )
        return self.caller.send(self.plan.inbox, values, trace, name=INBOX)

    def sizes(self) -> Step[Sizes]:
        """Step ``sizes``, in no figure."""
        return self.caller.whole("sizes", None, lambda parts: read_sizes(self.caller, parts))

    def probe(self) -> Step[str]:
        """Wait until the target is ready, where the file says how; then one search."""
        ready = self.plan.ready
        if ready is not None:
            fault, _ = self.caller.poll(ready, self.caller.base(corpora=[*self.setup.corpora]))
            if fault is not None:
                return self._unsent("ready", None, fault)
        search = Search("test", [*dict.fromkeys(self.setup.corpora)], 1, metadata=True)
        if not search.corpora:
            return self.caller.whole("probe", None, lambda _: "")
        step = self.search(search, TraceContext(uuid5(NAMESPACE_URL, "probe").hex, sampled=False))
        step.name = "search"
        return cast("Step[str]", step)


def _dimension(values: dict[str, Any]) -> int | None:
    vector = values.get("vector")
    return None if vector is None else dimension_of(vector)


def toml_target(path: str, text: str, numbers: tuple[Number, ...] = ()) -> type[TomlTarget]:
    """The class of the target that the file of ``path`` describes; FileError where it is wrong."""
    plan = plan_of(path, text, numbers)
    return cast(
        "type[TomlTarget]",
        type(
            "TomlTarget",
            (TomlTarget,),
            {
                "plan": plan,
                "title": plan.title,
                "takes_host": plan.takes_host,
                "batch": plan.batch,
            },
        ),
    )
