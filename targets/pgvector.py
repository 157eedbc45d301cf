"""PostgreSQL with pgvector, over psycopg: ``--target mcstress.targets.pgvector:PgVector``.

``TARGET_PGVECTOR`` is the connection string. A table with an HNSW index for each corpus, and one
for the memory, by namespace and exact. Vectors are those of the built-in embedding, made outside
of the measured time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from typing import Any, Self

import msgspec
import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from mcstress.metrics.event import Hit
from mcstress.services.step import Step
from mcstress.services.target import (
    ADD,
    DELETE,
    FORGET,
    RECORD,
    SEARCH,
    UPDATE,
    Found,
    NewItem,
    Recording,
    Search,
    Sizes,
    Target,
    TargetSetup,
)
from mcstress.services.toml.vectors import KeptVectors, builtin_vector
from mcstress.services.toml.write_requests import uuid_of
from mcstress.services.trace_context import TraceContext

VARIABLE = "TARGET_PGVECTOR"
LOCK = 4_702_111
"""Who makes tables holds this lock: two at once would refuse each other."""

_MAKE_ITEMS = sql.SQL(
    "CREATE TABLE IF NOT EXISTS {table} (id text PRIMARY KEY, body text, metadata jsonb,"
    " embedding vector({dimension}))"
)
_MAKE_INDEX = sql.SQL(
    "CREATE INDEX IF NOT EXISTS {index} ON {table} USING hnsw (embedding vector_cosine_ops)"
)
_MAKE_MEMORY = sql.SQL(
    "CREATE TABLE IF NOT EXISTS mcs_memory (id uuid PRIMARY KEY, namespace text, role text,"
    " answer_id text, answer_corpus text, embedding vector({dimension}))"
)
_ADD = sql.SQL(
    "INSERT INTO {table} SELECT id, body, metadata::jsonb, embedding::vector"
    " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])"
    " AS given(id, body, metadata, embedding) ON CONFLICT (id) DO UPDATE"
    " SET body = excluded.body, metadata = excluded.metadata, embedding = excluded.embedding"
)
_NEAREST = sql.SQL(
    "(SELECT {name}, id, metadata, embedding <=> %(vector)s::vector AS distance FROM {table}"
    " WHERE id <> ALL(%(exclude)s) ORDER BY embedding <=> %(vector)s::vector LIMIT %(k)s)"
)
_MERGED = sql.SQL("SELECT * FROM ({parts}) AS merged ORDER BY distance LIMIT %(k)s")
_RECORD = (
    "INSERT INTO mcs_memory SELECT id::uuid, namespace, role, answer_id, answer_corpus,"
    " embedding::vector FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[],"
    " %s::text[]) AS given(id, namespace, role, answer_id, answer_corpus, embedding)"
    " ON CONFLICT (id) DO NOTHING"
)
_RECALL = (
    "SELECT answer_corpus, answer_id, min(embedding <=> %(vector)s::vector) AS distance"
    " FROM mcs_memory WHERE namespace = %(namespace)s AND answer_id <> ALL(%(exclude)s)"
    " GROUP BY 1, 2 ORDER BY distance, 2 LIMIT %(k)s"
)


class PgVector(Target):
    """One connection for each coordinator; psycopg waits by gevent's select."""

    title = "PostgreSQL with pgvector"
    batch = 250

    def __init__(self, setup: TargetSetup) -> None:
        super().__init__(setup)
        self._vectors = KeptVectors()
        self._made: set[str] = set()
        self.connection = _opened()

    def connect(self) -> Self:
        """One with a connection of its own, and the vectors of all."""
        other = copy(self)
        other.connection = _opened()
        return other

    def close(self) -> None:
        """Close the connection."""
        with suppress(psycopg.Error):
            self.connection.close()

    def search(self, search: Search, trace: TraceContext) -> Step[Found]:
        """One statement for all corpora."""
        if search.new_connection:
            self.close()
            self.connection = _opened()
        vector = self._vector(search.text)
        parts = [
            _NEAREST.format(name=sql.Literal(name), table=_table(name)) for name in search.corpora
        ]
        statement = _MERGED.format(parts=sql.SQL(" UNION ALL ").join(parts))
        values = {"vector": vector, "exclude": search.exclude, "k": search.k}

        def work() -> Found:
            rows = self._asked(statement, values)
            hits = [Hit(id_, corpus, distance) for corpus, id_, _, distance in rows]
            return Found(hits, metadata=[row[2] for row in rows] if search.metadata else None)

        return self.timed(SEARCH, search, work)

    def recall(self, search: Search, trace: TraceContext) -> Step[Found]:
        """The memory of one namespace, all of it looked at."""
        values = {
            "vector": self._vector(search.text),
            "namespace": search.memory,
            "exclude": search.exclude,
            "k": search.k,
        }

        def work() -> Found:
            rows = self._asked(_RECALL, values)
            return Found([Hit(id_, corpus, distance) for corpus, id_, distance in rows])

        return self.timed(SEARCH, search, work)

    def record(self, recording: Recording, trace: TraceContext) -> Step[Any]:
        """A row; the same one again is none."""
        return next(self.record_all([recording], trace))

    def record_all(
        self, recordings: Sequence[Recording], trace: TraceContext
    ) -> Iterator[Step[Any]]:
        """Rows in one statement."""
        rows = [
            (
                uuid_of(one.namespace, one.text, one.answer.corpus, one.answer.id),
                *(one.namespace, one.role, one.answer.id, one.answer.corpus),
                self._vector(one.text),
            )
            for one in recordings
        ]

        def work() -> None:
            self._make_memory(rows[0][-1])
            self._asked(_RECORD, [[*column] for column in zip(*rows, strict=True)])

        yield self.timed(RECORD, recordings, work)

    def add(self, item: NewItem, trace: TraceContext) -> Iterator[Step[Any]]:
        """A row; one of the same id is replaced."""
        return self.add_all([item], trace)

    def update(self, item: NewItem, trace: TraceContext) -> Iterator[Step[Any]]:
        """The row of that id is replaced."""
        for step in self.add_all([item], trace):
            step.name = UPDATE
            yield step

    def delete(self, item: NewItem, trace: TraceContext) -> Step[Any]:
        """Without the row."""
        statement = sql.SQL("DELETE FROM {} WHERE id = %s").format(_table(item.corpus))
        return self.timed(DELETE, item, lambda: self._asked(statement, [item.id]) or None)

    def forget(self, recording: Recording, trace: TraceContext) -> Step[Any]:
        """The same of a row of the memory."""
        answer = recording.answer
        id_ = uuid_of(recording.namespace, recording.text, answer.corpus, answer.id)
        statement = "DELETE FROM mcs_memory WHERE id = %s"
        return self.timed(FORGET, recording, lambda: self._asked(statement, [id_]) or None)

    def add_all(self, items: Sequence[NewItem], trace: TraceContext) -> Iterator[Step[Any]]:
        """Rows in one statement."""
        corpus = items[0].corpus
        rows = [(one.id, one.text, _text(one.metadata), self._vector(one.text)) for one in items]

        def work() -> None:
            self._make(corpus, rows[0][-1])
            columns = [[*column] for column in zip(*rows, strict=True)]
            self._asked(_ADD.format(table=_table(corpus)), columns)

        yield self.timed(ADD, items, work)

    def sizes(self) -> Step[Sizes]:
        """Counted by the database, of the tables that are there."""

        def work() -> Sizes:
            known = "SELECT tablename FROM pg_tables WHERE tablename LIKE 'mcs_items_%'"
            names = [row[0].removeprefix("mcs_items_") for row in self._asked(known)]
            counted = {}
            for name in names:
                count = sql.SQL("SELECT count(*) FROM {}").format(_table(name))
                ((counted[name],),) = self._asked(count)
            return Sizes(counted)

        return self.timed("sizes", None, work)

    def _vector(self, text: str) -> str:
        """As pgvector reads it, which is as JSON has it."""
        vector = self._vectors.get(text)
        if vector is None:
            vector = builtin_vector(self.setup.seed, text)
            self._vectors.keep(text, vector)
        return bytes(vector).decode()

    def _asked(self, statement: Any, values: Any = None) -> list[tuple[Any, ...]]:
        """The rows of a statement, which is a transaction of its own."""
        with self._usable() as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def _usable(self) -> Iterator[psycopg.Connection[Any]]:
        """The connection, opened again where the last statement on it was cut.

        The end of a run and a time-out cut whatever waits: the statement is under way then, and
        its answer would be the next one's.
        """
        if self.connection.closed:
            self.connection = _opened()
        try:
            yield self.connection
        finally:
            if self.connection.info.transaction_status == TransactionStatus.ACTIVE:
                self.close()

    def _make(self, corpus: str, vector: str) -> None:
        table, index = _table(corpus), sql.Identifier(f"mcs_index_{corpus}")
        makes = [_MAKE_ITEMS.format(table=table, dimension=_dimension(vector))]
        self._make_once(corpus, [*makes, _MAKE_INDEX.format(index=index, table=table)])

    def _make_memory(self, vector: str) -> None:
        index = "CREATE INDEX IF NOT EXISTS mcs_memory_namespace ON mcs_memory (namespace)"
        makes = _MAKE_MEMORY.format(dimension=_dimension(vector))
        self._make_once("", [makes, sql.SQL(index)])

    def _make_once(self, name: str, statements: Sequence[Any]) -> None:
        if name in self._made:
            return
        with self._usable() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            for statement in statements:
                connection.execute(statement)
        self._made.add(name)


def _text(metadata: Any) -> str:
    return msgspec.json.encode(metadata).decode()


def _opened() -> psycopg.Connection[Any]:
    return psycopg.connect(os.environ[VARIABLE], autocommit=True)


def _table(corpus: str) -> sql.Identifier:
    return sql.Identifier(f"mcs_items_{corpus}")


def _dimension(vector: str) -> sql.Literal:
    return sql.Literal(vector.count(",") + 1)
