"""What outlives a restart: playbooks, inbox and added vectors, in SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import msgspec

from mcstress.errors import ServiceRefusalError
from mcstress.services.embedded.bodies import InboxBody
from mcstress.services.embedded.playbook import Recording

Given = ParamSpec("Given")
Result = TypeVar("Result")

FILE_NAME = "embedded.sqlite3"
FORMAT = 1

SCHEMA = """
create table if not exists made_with (format integer not null, seed integer not null);
create table if not exists plays (
    namespace text not null, query_text text not null, answer_corpus text not null,
    answer_id text not null, score real not null, role text, tags text not null,
    primary key (namespace, query_text, answer_corpus, answer_id)
);
create table if not exists messages (
    number integer primary key,
    received text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    type text not null, sender text not null, subject text not null, body text not null,
    priority text, tag text
);
create table if not exists indexes (name text primary key);
create table if not exists items (
    index_name text not null, id text not null, vector blob not null, metadata blob not null,
    primary key (index_name, id)
);
"""


class StoredItem(msgspec.Struct, frozen=True):
    """An added vector: float32 numbers and a JSON object, both as bytes."""

    id: str
    vector: bytes
    metadata: bytes


class Store:
    """The database in ``folder``, or one that SQLite itself removes where ``folder`` is None.

    Requests use it through ``run``, which works in one thread of its own, in the order of calling,
    so that a slow disk holds up nobody who does not write.
    """

    def __init__(self, folder: Path | None, seed: int) -> None:
        """ServiceRefusalError where the folder cannot be used, or belongs to another seed."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        try:
            self._database = connect(folder)
            self._check(seed)
        except (OSError, sqlite3.Error) as error:
            raise ServiceRefusalError(f"data folder {folder}: {refusal_reason(error)}") from None
        except SeedError as error:
            raise ServiceRefusalError(f"data folder {folder}: {error}") from None

    async def run(
        self,
        work: Callable[Concatenate[Store, Given], Result],
        *args: Given.args,
        **kwargs: Given.kwargs,
    ) -> Result:
        """What ``work``, a method of this class, gives; on disk before this returns."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: work(self, *args, **kwargs))

    def close(self) -> None:
        """Finish what was begun, then close."""
        self._thread.shutdown()
        self._database.close()

    def save_recording(self, namespace: str, recording: Recording, tags: list[str]) -> None:
        """Keep ``recording``; the same triple again keeps its place and gets the new score."""
        self._write(
            "insert into plays values (?, ?, ?, ?, ?, ?, ?) on conflict do update set "
            "score = excluded.score, role = excluded.role, tags = excluded.tags",
            (
                namespace,
                *recording.triple,
                recording.score,
                recording.role,
                msgspec.json.encode(tags).decode(),
            ),
        )

    def recordings(self) -> Iterator[tuple[str, Recording]]:
        """Namespace and recording, the first recorded first."""
        for row in self._database.execute(
            "select namespace, query_text, answer_id, answer_corpus, score, role "
            "from plays order by rowid"
        ):
            yield row[0], Recording(*row[1:])

    def save_message(self, message: InboxBody) -> int:
        """Keep ``message``; its number."""
        cursor = self._write(
            "insert into messages (type, sender, subject, body, priority, tag) "
            "values (?, ?, ?, ?, ?, ?)",
            msgspec.structs.astuple(message),
        )
        return cursor.lastrowid or 0

    def save_index(self, name: str) -> None:
        """Keep that an index of this name was created."""
        self._write("insert into indexes values (?)", (name,))

    def indexes(self) -> list[str]:
        """The names of created indexes, in the order of creation."""
        return [
            name for (name,) in self._database.execute("select name from indexes order by rowid")
        ]

    def save_items(self, index_name: str, items: list[StoredItem]) -> None:
        """Keep all of ``items`` or none; a known id is replaced and becomes the last."""
        with self._database:
            self._database.executemany(
                "insert or replace into items values (?, ?, ?, ?)",
                [(index_name, *msgspec.structs.astuple(item)) for item in items],
            )

    def items(self) -> Iterator[tuple[str, StoredItem]]:
        """Index name and item, in the order of adding."""
        for row in self._database.execute(
            "select index_name, id, vector, metadata from items order by rowid"
        ):
            yield row[0], StoredItem(*row[1:])

    def _write(self, statement: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        with self._database:
            return self._database.execute(statement, values)

    def _check(self, seed: int) -> None:
        """Vectors and ids of one seed mean nothing with another."""
        with self._database:
            made_with = self._database.execute("select format, seed from made_with").fetchone()
            if made_with is None:
                self._database.execute("insert into made_with values (?, ?)", (FORMAT, seed))
            elif made_with != (FORMAT, seed):
                raise SeedError(
                    f"found format {made_with[0]} and {_origin(made_with[1])}, "
                    f"expected format {FORMAT} and {_origin(seed)}"
                )


def _origin(seed: int) -> str:
    """What vectors and ids come from: a seed, or below zero a digest of files (corpus_file.py)."""
    return f"seed {seed}" if seed >= 0 else f"corpora of files, digest {-seed:x}"


class SeedError(Exception):
    """The database was made with another seed or by another version."""


def connect(folder: Path | None) -> sqlite3.Connection:
    """The database, with its tables, for this process alone."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    name = "" if folder is None else folder / FILE_NAME
    database = sqlite3.connect(name, check_same_thread=False, timeout=0)
    database.execute("pragma locking_mode = exclusive")
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = normal")
    database.executescript(SCHEMA)
    return database


def refusal_reason(error: OSError | sqlite3.Error) -> str:
    """What is wrong with the folder, in a user's words."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if "locked" in str(error):
        return "is in use by another embedded stack"
    return str(error)
