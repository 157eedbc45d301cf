"""What a run left, read back: its events in time order, and what else its files hold.

``read_run`` takes the JSON document of a run that ended or the ``.events.jsonl`` of one that did
not (or still runs), together with the segments of its workers that lie beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec
from jinja2 import TemplateError
from msgspec import UNSET

from mcstress.errors import UsageError
from mcstress.evidence.run_document import SCHEMA, Json, RunDocument, document_of
from mcstress.evidence.store.document import DocumentEvents, read_head
from mcstress.evidence.store.event_line import QUICK, ReadOptions
from mcstress.evidence.store.foreign import read_foreign
from mcstress.evidence.store.integrity import (
    Ends,
    faults_of_beginnings,
    faults_of_document,
    faults_of_lines,
)
from mcstress.evidence.store.lines import DECODE_ERRORS, first_record
from mcstress.evidence.store.run_files import ENDING, files_of_run
from mcstress.evidence.store.source import Source
from mcstress.evidence.store.time_order import TimeOrder
from mcstress.metrics.appointments import AppointmentRow, AppointmentRows
from mcstress.metrics.arrivals import OfferedSecond, Trial, Unserved, UnservedRow, UnservedRows
from mcstress.metrics.event import Event, decoder


class RunFile(Protocol):
    """One run as it lies on disk: its ``document``, and the ``head`` of the files that it is from.

    ``head`` may have keys that this version lacks; ``planned`` are samples by figure, as the main
    events file tells them.
    """

    path: Path
    head: Json
    document: RunDocument
    planned: dict[str, int]
    order: TimeOrder

    @property
    def has_ended(self) -> bool:
        """Whether the run said that it ended."""
        ...

    @property
    def has_digests(self) -> bool:
        """Whether the files say of themselves what they should hold."""
        ...

    def faults(self) -> list[str]:
        """What shows that they no longer hold all that was written; empty where nothing does."""
        ...

    def raw_events(self) -> Iterator[bytes]:
        """Its events as JSON, in time order."""
        ...

    def raw_events_as_made(self) -> Iterator[bytes]:
        """The same in the order in which each process made them, where that is still known."""
        ...

    def users(self) -> list[tuple[float, int]]:
        """Number of concurrent users, second by second: (Unix time in s, users)."""
        ...

    def offered(self) -> list[OfferedSecond]:
        """What a schedule offered, second by second; empty without one."""
        ...

    def unserved(self) -> UnservedRows:
        """Arrivals of the schedule that never began."""
        ...

    def trials(self) -> list[Trial]:
        """Those of a search for the capacity; empty without one."""
        ...

    def appointments(self) -> AppointmentRows:
        """What became of those of a run by the clock."""
        ...

    def states(self) -> Iterator[Json]:
        """The metrics' own state, as parts that add up; none where the events are all there."""
        ...


class History:
    """A run that left ``.events.jsonl`` files. ``order`` tells what was torn or repeated.

    ``head`` holds what the first line says: ``run``, ``scenario`` and more; of a worker's segment
    alone only the run's uid. Of a run that ended, ``run`` and ``completeness`` are those of its
    end. ``has_main``: the main file is there. ``unfinished`` are files without a last record: their
    process died. ``left_out`` says which files beside them are not read, and why.
    """

    def __init__(
        self, paths: Sequence[Path], reading: ReadOptions = QUICK, left_out: Sequence[str] = ()
    ) -> None:
        self.path = paths[0]
        self._left_out = left_out
        first = first_record(self.path)
        self.has_main = first["record"] == "run"
        if self.has_main:
            self.head = {"run": first["run"], "scenario": first["scenario"], **first}
            del self.head["record"]
        else:
            self.head = {"run": {"run_uid": first["run_uid"]}, "scenario": {}}
        self.document = document_of(self.path, self.head)
        self.planned: dict[str, int] = {}
        k = self.document.run.k or None
        self.order = TimeOrder(paths, msgspec.structs.replace(reading, k=k))
        self._ends = Ends(self.order)
        if (end := self._ends.main) is not None:
            self.head |= {"run": end.run, "completeness": end.completeness}
            self.document = document_of(self.path, self.head)
            self.planned = end.planned

    @property
    def has_ended(self) -> bool:
        """Whether the main file says how the run ended."""
        return self._ends.main is not None

    @property
    def unfinished(self) -> list[Path]:
        """The files that do not say that they ended."""
        return self._ends.unfinished

    @property
    def has_digests(self) -> bool:
        """Whether every file says what it should hold."""
        return not self.unfinished

    def faults(self) -> list[str]:
        """What differs from what the files say of themselves; that one has no end is not in it."""
        evidence = self.document.run.evidence
        faults = [
            *faults_of_lines(self.order, evidence),
            *faults_of_beginnings(self.order),
            *self._ends.faults_of_files(self.order),
        ]
        # Of a run that ended it is known what each worker's file should hold: where all is there,
        # others that lie beside it are no fault; where something is missing, it may be in them.
        return [*faults, *self._left_out] if faults or not self.has_ended else faults

    def raw_events(self) -> Iterator[bytes]:
        """The events of all files in time order."""
        return self.order.raw_events()

    def raw_events_as_made(self) -> Iterator[bytes]:
        """The events, each worker's in its own order."""
        return self.order.raw_events_as_made()

    def records(self, kind: str) -> Iterator[Json]:
        """The records of ``kind``, as they stand."""
        return map(msgspec.json.decode, self.order.raw_records(kind))

    def users(self) -> list[tuple[float, int]]:
        """Number of concurrent users, second by second."""
        return sorted((record["time"], record["users"]) for record in self.records("users"))

    def offered(self) -> list[OfferedSecond]:
        """The schedule's seconds; a record with ``from`` is in place of all from that one on."""
        found: dict[int, OfferedSecond] = {}
        for record in self.records("offered"):
            if (begin := record.get("from")) is not None:
                found = {time: second for time, second in found.items() if time < begin}
            told = msgspec.convert(record["seconds"], list[OfferedSecond])
            found |= {second.time: second for second in told}
        return [found[time] for time in sorted(found)]

    def unserved(self) -> UnservedRows:
        """What each process gave up."""
        unserved = Unserved()
        for record in self.records("unserved"):
            unserved.take_in(msgspec.convert(record["rows"], list[UnservedRow]))
        return unserved.rows()

    def trials(self) -> list[Trial]:
        """Those that were judged."""
        return [msgspec.convert(record["trial"], Trial) for record in self.records("trial")]

    def appointments(self) -> AppointmentRows:
        """What each process told."""
        told = (row for record in self.records("appointments") for row in record["rows"])
        return msgspec.convert(list(told), list[AppointmentRow])

    def states(self) -> Iterator[Json]:
        """The deltas of the metrics' state."""
        return (record["state"] for record in self.records("delta"))


class Document:
    """A run that left its JSON document."""

    def __init__(self, path: Path, reading: ReadOptions = QUICK) -> None:
        self.path = path
        source: Source = DocumentEvents(path)
        head = read_head(path)
        if head is None:
            head, source = read_foreign(path)
        self.head = head
        if head.get("schema") != SCHEMA:
            raise UsageError(
                f"{path}: schema {head.get('schema')!r}; expected {SCHEMA}: "
                "the JSON document of a run"
            )
        self.document = document_of(path, head)
        self.planned: dict[str, int] = {}
        k = self.document.run.k or None
        self.order = TimeOrder([source], msgspec.structs.replace(reading, k=k))

    @property
    def has_ended(self) -> bool:
        """Whether it says what is missing."""
        return "completeness" in self.head

    @property
    def has_digests(self) -> bool:
        """Whether it says what it should hold."""
        return "integrity" in self.head

    def faults(self) -> list[str]:
        """What differs from what the document says of itself."""
        evidence = self.document.run.evidence
        return faults_of_lines(self.order, evidence) + faults_of_document(
            self.order, self.head, self.document
        )

    def raw_events(self) -> Iterator[bytes]:
        """The events that the document keeps, in time order."""
        return self.order.raw_events()

    def raw_events_as_made(self) -> Iterator[bytes]:
        """The same, each worker's in its own order."""
        return self.order.raw_events_as_made()

    def users(self) -> list[tuple[float, int]]:
        """Number of concurrent users, as the head's ``users`` has it."""
        return [*self.document.users]

    def offered(self) -> list[OfferedSecond]:
        """The schedule's seconds, as the head has them."""
        return self.document.offered or []

    def unserved(self) -> UnservedRows:
        """Likewise."""
        return self.document.unserved or []

    def trials(self) -> list[Trial]:
        """Likewise."""
        return self.document.trials or []

    def appointments(self) -> AppointmentRows:
        """Likewise."""
        return self.document.appointments or []

    def states(self) -> Iterator[Json]:
        """The metrics' state, where the head has it."""
        state = self.document.state
        return iter([] if state is UNSET else [state])


def read_run(path: Path, *, skip_damaged: bool = False) -> RunFile:
    """The run at ``path``, each line of it looked at.

    Raises UsageError, naming the place, where it cannot be read; with ``skip_damaged`` lines that
    are damaged are left out, and in its faults.
    """
    if not path.is_file():
        raise UsageError(f"{path}: {_instead(path)}")
    reading = ReadOptions(strict=True, skip_damaged=skip_damaged)
    try:
        if path.name.endswith(ENDING):
            files = files_of_run(path)
            return History(files.paths, reading, files.left_out)
        return Document(path, reading)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except DECODE_ERRORS as error:
        raise UsageError(f"{path}: {error}; expected a run's .json or {ENDING}") from error
    except KeyError as error:
        raise UsageError(f"{path}, line 1: key {error} is missing; expected a run's") from error


def _instead(path: Path) -> str:
    """Why ``path`` cannot be read: what is there instead of a file, and what was expected."""
    expected = f"expected a run's .json or {ENDING}"
    if path.is_dir():
        stems = (one.name.removesuffix(ENDING) for one in path.glob(f"*{ENDING}"))
        name = min((f"{stem}{ENDING}" for stem in stems if "." not in stem), default="")
        example = f", as {name}: all files of that run in the folder are read with it"
        return f"found a folder; {expected}{example if name else ''}"
    return f"{'found a pipe, socket or device' if path.exists() else 'no such file'}; {expected}"


@contextmanager
def blaming(run: RunFile) -> Iterator[None]:
    """What goes wrong inside is the file's fault, unless it is whole: then it is a defect of ours.

    Raises UsageError in the place of what a head or a record of the wrong shape makes of code
    that reads it.
    """
    try:
        yield
    except (
        ArithmeticError, AttributeError, LookupError, TypeError, ValueError, TemplateError,
        *DECODE_ERRORS,
    ) as error:  # fmt: skip
        if run.has_digests and not run.faults():
            raise
        told = f"{type(error).__name__}: {error}"
        raise UsageError(
            f"{run.path}: holds what no run writes ({told}); expected the file of a run"
        ) from error


def events_of(run: RunFile) -> Iterator[Event]:
    """The events of ``run`` in time order, typed. Raises UsageError on one that is no Event."""
    return _typed(run, run.raw_events())


def events_as_made(run: RunFile) -> Iterator[Event]:
    """The same in the order in which each process made them."""
    return _typed(run, run.raw_events_as_made())


def _typed(run: RunFile, events: Iterator[bytes]) -> Iterator[Event]:
    for number, raw in enumerate(events, 1):
        try:
            yield decoder.decode(raw)
        except DECODE_ERRORS as error:
            raise UsageError(f"{run.path}, event {number}: {error}") from error
