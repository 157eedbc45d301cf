"""What a run left, read back: its events in time order, and what else its files hold.

``read_run`` takes the JSON document of a run that ended or the ``.events.jsonl`` of one that did
not (or still runs), together with the segments of its workers that lie beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from glob import escape
from pathlib import Path
from typing import Any, Protocol

import msgspec

from evidence import document
from evidence.lines import first_record
from evidence.time_order import TimeOrder
from metrics.event import Event, decoder
from services.errors import MisuseError

ENDING = ".events.jsonl"


class RunFile(Protocol):
    """One run as it lies on disk. ``head`` is all of its document but the events."""

    path: Path
    head: dict[str, Any]

    def raw_events(self) -> Iterator[bytes]:
        """Its events as JSON, in time order."""
        ...

    def raw_events_as_made(self) -> Iterator[bytes]:
        """The same in the order in which each process made them, where that is still known."""
        ...

    def users(self) -> list[tuple[float, int]]:
        """Number of concurrent users, second by second: (Unix time in s, users)."""
        ...

    def states(self) -> Iterator[dict[str, Any]]:
        """The metrics' own state, as parts that add up; none where the events are all there."""
        ...


class History:
    """A run that left ``.events.jsonl`` files. ``order`` tells what was torn or repeated.

    ``head`` holds what the first line says: ``run``, ``scenario`` and more; of a worker's segment
    alone only the run's uid. ``unfinished`` are files without a last record: their process died.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.path = paths[0]
        self.order = TimeOrder(paths)
        first = first_record(self.path)
        if first["record"] == "run":
            self.head = {"run": first["run"], "scenario": first["scenario"], **first}
            del self.head["record"]
        else:
            self.head = {"run": {"run_uid": first["run_uid"]}, "scenario": {}}

    @property
    def unfinished(self) -> list[Path]:
        """The files that do not say that they ended."""
        ended = {place.file for place in self.order.records.get("end", [])}
        return [path for file, path in enumerate(self.order.paths) if file not in ended]

    def raw_events(self) -> Iterator[bytes]:
        """The events of all files in time order."""
        return self.order.raw_events()

    def raw_events_as_made(self) -> Iterator[bytes]:
        """The events, each file's in its own order."""
        return self.order.raw_events_as_made()

    def records(self, kind: str) -> Iterator[dict[str, Any]]:
        """The records of ``kind``, as they stand."""
        return map(msgspec.json.decode, self.order.raw_records(kind))

    def users(self) -> list[tuple[float, int]]:
        """Number of concurrent users, second by second."""
        return sorted((record["time"], record["users"]) for record in self.records("users"))

    def states(self) -> Iterator[dict[str, Any]]:
        """The deltas of the metrics' state."""
        return (record["state"] for record in self.records("delta"))


class Document:
    """A run that left its JSON document."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._foreign_events: list[msgspec.Raw] | None = None
        head = document.read_head(path)
        if head is None:
            head, self._foreign_events = _read_foreign(path)
        self.head = head
        if head.get("schema") != document.SCHEMA:
            raise MisuseError(
                f"{path}: schema {head.get('schema')!r}; expected {document.SCHEMA}: "
                "the JSON document of a run"
            )

    def raw_events(self) -> Iterator[bytes]:
        """The events that the document keeps."""
        if self._foreign_events is not None:
            return map(bytes, self._foreign_events)
        return document.raw_events(self.path)

    def raw_events_as_made(self) -> Iterator[bytes]:
        """The same: a document has them in time order only."""
        return self.raw_events()

    def users(self) -> list[tuple[float, int]]:
        """Number of concurrent users, as the head's ``users`` has it."""
        return [(time, users) for time, users in self.head.get("users", [])]

    def states(self) -> Iterator[dict[str, Any]]:
        """The metrics' state, where the head has it."""
        return iter([self.head["state"]] if "state" in self.head else [])


def read_run(path: Path) -> RunFile:
    """The run at ``path``. Raises MisuseError, naming the place, where it cannot be read."""
    if not path.is_file():
        raise MisuseError(f"{path}: no such file; expected a run's .json or {ENDING}")
    try:
        return History(files_of_run(path)) if path.name.endswith(ENDING) else Document(path)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MisuseError(f"{path}: {error}; expected a run's .json or {ENDING}") from error
    except KeyError as error:
        raise MisuseError(f"{path}, line 1: key {error} is missing; expected a run's") from error


def events_of(run: RunFile) -> Iterator[Event]:
    """The events of ``run`` in time order, typed. Raises MisuseError on one that is no Event."""
    return _typed(run, run.raw_events())


def events_as_made(run: RunFile) -> Iterator[Event]:
    """The same in the order in which each process made them."""
    return _typed(run, run.raw_events_as_made())


def _typed(run: RunFile, events: Iterator[bytes]) -> Iterator[Event]:
    for number, raw in enumerate(events, 1):
        try:
            yield decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MisuseError(f"{run.path}, event {number}: {error}") from error


def files_of_run(path: Path) -> list[Path]:
    """All events files of the run that ``path`` belongs to, the main one first where it is there.

    They lie in one folder, share the main one's name, and name the same run's uid.
    """
    first = first_record(path)
    uid = _uid(first)
    stem = path.name.removesuffix(ENDING)
    if first["record"] == "segment":
        stem = stem.split(".")[0]
    main = path.with_name(stem + ENDING)
    found = [main] if _belongs(main, uid) else []
    segments = sorted(path.parent.glob(f"{escape(stem)}.*{ENDING}"))
    return found + [segment for segment in segments if _belongs(segment, uid)] or [path]


def _belongs(path: Path, uid: str) -> bool:
    try:
        return path.is_file() and _uid(first_record(path)) == uid
    except MisuseError:
        return False  # cut off before its first record was whole: it holds no event


def _uid(first: dict[str, Any]) -> str:
    return str((first.get("run") or first).get("run_uid"))


def _read_foreign(path: Path) -> tuple[dict[str, Any], list[msgspec.Raw]]:
    """A document that another tool laid out anew: read whole."""
    text = path.read_bytes()
    head = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    events = msgspec.json.decode(head.pop("events", b"[]"), type=list[msgspec.Raw])
    return {key: msgspec.json.decode(value) for key, value in head.items()}, events
