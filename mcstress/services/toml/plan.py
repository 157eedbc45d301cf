"""A target's file, compiled: its operations, what holds between them, and what it can do."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

from mcstress.metrics.event import Fate
from mcstress.services.target import Capabilities
from mcstress.services.toml.columns import OF_EACH, Columns
from mcstress.services.toml.hits import HitReader
from mcstress.services.toml.numbers import Number
from mcstress.services.toml.operation import Operation, document, pointer_of
from mcstress.services.toml.pointer import Pointer, PointerError
from mcstress.services.toml.secrets import suspicious
from mcstress.services.toml.service import HOST
from mcstress.services.toml.target_file import (
    FileError,
    HitsTable,
    PollTable,
    RecordTable,
    Tables,
    WriteTable,
    parse_file,
)
from mcstress.services.toml.template import Fill, Template, TemplateError, parsed, text_of

_ITEM = {
    "text", "vector", "dimension", "corpus", "corpus_id", "id", "uuid", "integer", "metadata",
}  # fmt: skip
_ASKED = {"text", "vector", "dimension", "k", "corpora", "namespace", "role", "exclude_ids"}
_RECORDED = {
    "text", "vector", "dimension", "namespace", "answer_id", "answer_corpus", "role",
    "record_uuid", "record_integer", "corpus", "corpus_id",
}  # fmt: skip
VALUES: dict[str, set[str]] = {
    "embed": {"text"},
    "resolve": {"corpus"},
    "size": {"corpus", "corpus_id", "corpora"},
    "search": {*_ASKED, "corpus", "corpus_id"},
    "search.memory": {*_ASKED, "corpus", "corpus_id"},
    "exact": {*_ASKED, "corpus", "corpus_id"},
    "add": {*_ITEM, "items"},
    "add.item": _ITEM,
    "add.done": {*_ITEM, "task"},
    "update": {*_ITEM, "items"},
    "update.item": _ITEM,
    "update.done": {*_ITEM, "task"},
    "create": {"corpus", "dimension"},
    "delete": {"corpus", "corpus_id", "id", "uuid", "integer"},
    "record": _RECORDED,
    "record.done": {*_RECORDED, "task"},
    "record.forget": _RECORDED,
    "recall": {*_ASKED, "corpus", "corpus_id"},
    "inbox": {"type", "sender", "subject", "body", "priority", "namespace"},
    "ready": {"corpora"},
}
"""The placeholders that each operation has a value for, beside {host}."""


class HitsPlan:
    """An operation whose answer is a list of hits. ``one_request``: it asks all corpora at once."""

    def __init__(self, place: str, table: HitsTable, answers: HitsTable | None = None) -> None:
        self.request = Operation(place, table)
        self.reader = HitReader(place, answers or table)
        self.needs = self.request.needs
        self.excludes = "exclude_ids" in self.needs
        self.one_request = "corpora" in self.needs or not self.needs & {"corpus", "corpus_id"}


class PollPlan:
    """What is asked until a pointer leads to one of ``values``; times are in seconds."""

    def __init__(self, place: str, table: PollTable) -> None:
        self.request = Operation(place, table)
        pointer = pointer_of(f"{place}.pointer", table.pointer)
        assert pointer is not None
        self.pointer: Pointer = pointer
        self.values = table.value if isinstance(table.value, list) else [table.value]
        self.every_s, self.within_s = table.every, table.within


class WritePlan:
    """``add`` or ``record``."""

    def __init__(self, place: str, table: WriteTable) -> None:
        self.request = Operation(place, table)
        self.task = pointer_of(f"{place}.task", table.task)
        self.done = PollPlan(f"{place}.done", table.done) if table.done else None
        self.item: Template | None = None
        needs = set(self.request.needs)
        try:
            if table.item is not None:
                self.item = Template(table.item, f"{place}.item")
                needs |= self.item.needs
        except TemplateError as error:
            raise FileError(str(error)) from None
        if (self.item is not None) != ("items" in self.request.needs):
            raise FileError(f"{place}: found one of item and {{items}}, expected both or neither")
        self.batch = table.batch
        if table.batch > 1:
            self._refuse_one_for_all(place, table)
        self.columns = self._columns(place, table) if table.batch > 1 and not self.item else None
        if self.done and "task" in self.done.request.needs and self.task is None:
            raise FileError(
                f"{place}.done: found {{task}}, expected task in [{self.request.name}], its pointer"
            )
        self.needs = frozenset(needs - {"items"})
        self.all_needs = self.needs | (self.done.request.needs if self.done else frozenset())
        self.became: BecamePlan | None = None
        if isinstance(table, RecordTable) and (table.became or table.merged or table.dropped):
            self.became = BecamePlan(place, table)
        self.reader: Callable[[bytes], Any] | None = None
        if self.task is not None:
            self.reader = partial(_found, self.task)
        elif self.became is not None and self.done is None:
            self.reader = document

    def _refuse_one_for_all(self, place: str, table: WriteTable) -> None:
        """FileError where one request of several things would have what is the first one's own."""
        if table.done is not None:
            raise FileError(
                f"{place}.batch: found {table.batch} and done, expected one of them: it is waited "
                "for one thing alone"
            )
        outside = self.request.path_needs if self.item is None else self.request.needs
        if own := sorted(OF_EACH & outside):
            raise FileError(
                f"{place}: found {{{own[0]}}} beside batch, expected it in the body alone, for each"
            )

    def _columns(self, place: str, table: WriteTable) -> Columns:
        if table.body is None:
            raise FileError(
                f"{place}.batch: found {table.batch} and no body, expected a body with lists"
            )
        try:
            return Columns(table.body, f"{place}.body")
        except TemplateError as error:
            raise FileError(str(error)) from None


def _found(pointer: Pointer, body: bytes) -> Any:
    return pointer.find(document(body))


class BecamePlan:
    """What a memory made of a recording; where the pointer finds nothing, it dropped it."""

    def __init__(self, place: str, table: RecordTable) -> None:
        pointer = pointer_of(f"{place}.became", table.became)
        if pointer is None or not (table.merged or table.dropped):
            raise FileError(f"{place}: found one of became and its words, expected both")
        self._pointer: Pointer = pointer
        self._words: dict[Any, Fate] = {
            **dict.fromkeys(table.merged, "merged"), **dict.fromkeys(table.dropped, "dropped")
        }  # fmt: skip

    def of(self, answer: Any) -> Fate:
        """By the answer to the recording, or the last one of its ``done``."""
        try:
            found = self._pointer.find(answer)
        except PointerError:
            return "dropped"
        return self._words.get(found, "kept") if isinstance(found, str) else "kept"


class Plan:
    """A whole file. FileError, or UsageError, for the first thing in it that is wrong."""

    def __init__(self, path: str, text: str, numbers: tuple[Number, ...] = ()) -> None:
        self.path = path
        self.tables = tables = parse_file(path, text, numbers)
        self.title = tables.title or path
        self.suspicious = [*suspicious(tomllib.loads(text))]
        self.takes_host = any(HOST in one.url for one in tables.service.values())
        self.search = HitsPlan(self._at("search"), tables.search)
        self.memory = self._memory(tables)
        self.exact = HitsPlan(self._at("exact"), tables.exact) if tables.exact else None
        self.recall = HitsPlan(self._at("recall"), tables.recall) if tables.recall else None
        self.embed = self._operation("embed") if tables.embed and not tables.embed.builtin else None
        self.resolve, self.size = self._operation("resolve"), self._operation("size")
        self.create, self.delete = self._operation("create"), self._operation("delete")
        self.inbox = self._operation("inbox")
        self.add = WritePlan(self._at("add"), tables.add) if tables.add else None
        self.update = WritePlan(self._at("update"), tables.update) if tables.update else None
        self.forget = self._forget(tables)
        self.record = WritePlan(self._at("record"), tables.record) if tables.record else None
        self.ready = PollPlan(self._at("ready"), tables.ready) if tables.ready else None
        self.batch = max([one.batch for one in (self.add, self.record) if one], default=1)
        self.vector = self._vector(tables)
        self.corpus_ids = self._corpus_ids(tables)
        self._read_size(tables)
        self.record_collection = self._collection("record")
        self.recall_collection = self._collection("recall")
        self._refuse_valueless()
        self._refuse_textless()
        self._refuse_services()
        self._refuse_half_memory()

    def _at(self, key: str) -> str:
        return f"{self.path}: {key}"

    def _operation(self, key: str) -> Operation | None:
        table = getattr(self.tables, key)
        return Operation(self._at(key), table) if table else None

    def _memory(self, tables: Tables) -> HitsPlan | None:
        """``[search.memory]``; without pointers of its own it has those of ``[search]``."""
        table = tables.search.memory
        if table is None:
            return None
        own = any(getattr(table, key) is not None for key in ("ids", "rows"))
        return HitsPlan(self._at("search.memory"), table, None if own else tables.search)

    def _forget(self, tables: Tables) -> Operation | None:
        table = tables.record.forget if tables.record else None
        return Operation(self._at("record.forget"), table) if table else None

    def _vector(self, tables: Tables) -> Pointer | None:
        table, place = tables.embed, self._at("embed")
        wants = [one.name for one, needs in self.requests() if {"vector", "dimension"} & needs]
        if table is None:
            if wants:
                raise FileError(
                    f"{self.path}: {wants[0]}: found {{vector}} and no [embed], expected both"
                )
            return None
        if table.builtin:
            if table.method() or table.vector:
                raise FileError(f"{place}: found builtin and a request, expected one of the two")
            return None
        if table.vector is None:
            raise FileError(f"{place}: found no vector, expected its pointer")
        return pointer_of(f"{place}.vector", table.vector)

    def _corpus_ids(self, tables: Tables) -> dict[str, Pointer]:
        """By operation, the pointer to a corpus's own id in its answer."""
        found = {}
        for key, table in (("resolve", tables.resolve), ("create", tables.create)):
            if table and (pointer := pointer_of(self._at(f"{key}.id"), table.id)):
                found[key] = pointer
        if tables.resolve and "resolve" not in found:
            raise FileError(f"{self._at('resolve')}: found no id, expected its pointer")
        if not found and (
            wants := [o.name for o, needs in self.requests() if "corpus_id" in needs]
        ):
            raise FileError(
                f"{self.path}: {wants[0]}: found {{corpus_id}} and no [resolve], expected both"
            )
        return found

    def _read_size(self, tables: Tables) -> None:
        table, place = tables.size, self._at("size")
        self.size_of = self.size_rows = self.size_name = self.size_roles = None
        if table is None:
            return
        if table.size is None:
            raise FileError(f"{place}: found no size, expected its pointer")
        if (table.rows is None) != (table.name is None):
            raise FileError(f"{place}: found one of rows and name, expected both or neither")
        self.size_of = pointer_of(f"{place}.size", table.size)
        self.size_rows = pointer_of(f"{place}.rows", table.rows)
        self.size_name = pointer_of(f"{place}.name", table.name)
        self.size_roles = pointer_of(f"{place}.roles", table.roles)

    def _collection(self, key: str) -> Fill | None:
        """The collection that {corpus} and {corpus_id} of ``record`` or ``recall`` stand for."""
        table = getattr(self.tables, key)
        if table is None or table.collection is None:
            return None
        place = self._at(f"{key}.collection")
        try:
            pieces = parsed(table.collection, place)
        except TemplateError as error:
            raise FileError(str(error)) from None
        names = {name for is_name, name in pieces if is_name}
        if names - {"namespace"}:
            raise FileError(
                f'{place}: found "{table.collection}", expected {{namespace}} alone in it'
            )
        if not names:
            return lambda _: table.collection
        return text_of(pieces, str)

    def requests(self) -> Iterator[tuple[Operation, frozenset[str]]]:
        """Every request of the file, and the placeholders that it needs."""
        for hits in (self.search, self.memory, self.exact, self.recall):
            if hits:
                yield hits.request, hits.needs
        for one in (
            *(self.embed, self.resolve, self.size, self.create, self.delete, self.inbox),
            self.forget,
        ):
            if one:
                yield one, one.needs
        for write in (self.add, self.update, self.record):
            if write:
                yield write.request, write.needs | write.request.needs
                if write.done:
                    yield write.done.request, write.done.request.needs
        if self.ready:
            yield self.ready.request, self.ready.request.needs

    def _refuse_valueless(self) -> None:
        for request, needs in self.requests():
            known = VALUES[request.name] | {"host"}
            if others := sorted(needs - known):
                raise FileError(
                    f"{self.path}: {request.name}: found {{{others[0]}}}, which has no value "
                    f"there; expected one of {', '.join(sorted(known))}"
                )

    def _refuse_textless(self) -> None:
        for hits in (self.search, self.memory, self.exact, self.recall):
            if hits and not {"text", "vector"} & hits.needs:
                raise FileError(
                    f"{self.path}: {hits.request.name}: found neither {{text}} nor {{vector}}, "
                    "expected one of them: every search would be the same"
                )

    def _refuse_services(self) -> None:
        known = self.tables.service
        for request, _ in self.requests():
            if request.service is not None and request.service not in known:
                raise FileError(
                    f'{self.path}: {request.name}.service: found "{request.service}", '
                    f"expected one of {', '.join(known)}"
                )

    def _refuse_half_memory(self) -> None:
        search = self.memory or self.search
        if self.record and not self.recall and "namespace" not in search.needs:
            raise FileError(
                f"{self.path}: found [record], and neither [recall] nor {{namespace}} in [search], "
                "expected one of them: a memory that nobody asks cannot be tested"
            )
        if (self.recall or self.memory) and not self.record:
            asked = "recall" if self.recall else "search.memory"
            raise FileError(f"{self.path}: found [{asked}] and no [record], expected what fills it")

    def capabilities(self) -> Capabilities:
        """What the target can do: what is in its file."""
        memory = self.memory or self.search
        return Capabilities(
            record=self.record is not None,
            recall=self.recall is not None,
            add=self.add is not None,
            inbox=self.inbox is not None,
            sizes=self.size is not None,
            update=self.update is not None and self.search.reader.has_metadata,
            delete=self.delete is not None,
            forget=self.forget is not None,
            exclude=self.search.excludes and (memory.excludes if self.recall is None else True),
        )


@lru_cache(maxsize=8)
def plan_of(path: str, text: str, numbers: tuple[Number, ...] = ()) -> Plan:
    """The file's plan, with ``numbers`` in it, compiled once a process."""
    try:
        return Plan(path, text, numbers)
    except RecursionError:
        raise FileError(f"{path}: found lists or tables in one another, too deep") from None
