"""Events of several append-only files in time order, without holding them.

A file has its events in the order of their ends, and each says when it began; so they are sorted,
not merged: 48 bytes an event stay in memory (48 MB for a million), the events stay on disk.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mcstress.errors import UsageError
from mcstress.evidence.store.event_line import QUICK, Damage, EventMark, ReadOptions, mark_decoder
from mcstress.evidence.store.lines import DECODE_ERRORS, Line
from mcstress.evidence.store.lines_digest import FileTally, LinesDigest
from mcstress.evidence.store.source import EventsFile, Source
from mcstress.metrics.event import Event

_CHUNK = 10_000
END = "end"


class _RecordMark(msgspec.Struct):
    record: str


class LinePlace(msgspec.Struct, frozen=True):
    """Where a line stands: the number of its file, its offset and length in bytes."""

    file: int
    offset: int
    length: int


_record_decoder = msgspec.json.Decoder(_RecordMark)
_whole_record_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class TimeOrder:
    """Reads ``sources`` once; then ``raw_events`` gives their events by (time, worker, seq).

    ``raw_events_as_made`` keeps the order in which each worker made them, whatever clocks did.

    An event that stands there twice (same time, worker and seq) is given once and counted in
    ``repeated``. ``torn`` counts last lines that a crash cut short. ``records`` has the places of
    the other lines, by kind, in the files' order. ``files`` tallies the lines of each file (but its
    end), ``workers`` the events of each worker. A damaged line elsewhere raises UsageError, or
    ``reading`` leaves it out: then it is in ``damaged``.
    """

    def __init__(self, sources: Sequence[Path | Source], reading: ReadOptions = QUICK) -> None:
        self.sources = [EventsFile(one) if isinstance(one, Path) else one for one in sources]
        self.paths = [source.path for source in self.sources]
        self.torn = 0
        self.damaged: list[Damage] = []
        self.records: dict[str, list[LinePlace]] = {}
        self.files = [FileTally() for _ in self.sources]
        self._tallies: defaultdict[tuple[int, str], LinesDigest] = defaultdict(LinesDigest)
        self._reading = reading
        marks = _Marks()
        for file, source in enumerate(self.sources):
            self._read(file, source, marks)
        self._columns = marks.in_order()
        self._names = marks.worker_names()
        self.repeated = len(marks.times) - len(self)
        self.workers = self._add_up()
        if self.repeated:
            self.workers = self._tallied_once()

    def __len__(self) -> int:
        return len(self._columns.offsets)

    def raw_events(self) -> Iterator[bytes]:
        """The events as they stand in their files, without newline."""
        return self._read_back(slice(None))

    def raw_events_as_made(self) -> Iterator[bytes]:
        """The same, each worker's in its own order, the workers side by side in time.

        An event counts as begun when the latest of those before it did.
        """
        columns = self._columns
        latest = np.empty_like(columns.times)
        as_made = np.lexsort((columns.offsets, columns.seqs, columns.workers))
        for worker in range(len(self._names)):
            own = as_made[columns.workers[as_made] == worker]
            latest[own] = np.maximum.accumulate(columns.times[own])
        order = np.lexsort((columns.offsets, columns.seqs, columns.workers, latest))
        return self._read_back(order)

    def missing(self) -> dict[str, int]:
        """How many numbers each worker's events leave out, where it leaves out any."""
        columns = self._columns
        found = {}
        for worker, name in enumerate(self._names):
            seqs = np.unique(columns.seqs[columns.workers == worker])
            # Unstamped events have number 0; the last may be missing, which no gap shows.
            if len(seqs) and (gap := int(seqs[-1]) - np.count_nonzero(seqs)):
                found[name] = int(gap)
        return found

    def _read_back(self, order: slice | NDArray[np.int64]) -> Iterator[bytes]:
        with ExitStack() as opened:
            read = [opened.enter_context(source.opened()) for source in self.sources]
            for file, offset, length in self._places(order):
                yield read[file](length, offset)

    def raw_records(self, kind: str) -> Iterator[bytes]:
        """The records of ``kind``."""
        for place in self.records.get(kind, []):
            with self.sources[place.file].opened() as read:
                yield read(place.length, place.offset)

    def _add_up(self) -> dict[str, LinesDigest]:
        """The tallies of the workers; those of the files are added up beside."""
        workers: defaultdict[str, LinesDigest] = defaultdict(LinesDigest)
        for (file, worker), tally in self._tallies.items():
            self.files[file].events.merge(tally)
            workers[worker].merge(tally)
        return workers

    def _tallied_once(self) -> dict[str, LinesDigest]:
        """The tallies of the workers without what stands there twice."""
        workers: defaultdict[str, LinesDigest] = defaultdict(LinesDigest)
        for raw in self.raw_events():
            workers[mark_decoder.decode(raw).worker].add(raw)
        return workers

    def _read(self, file: int, source: Source, marks: _Marks) -> None:
        for line in source.lines():
            try:
                if line.is_record and not line.fault:
                    self._add_record(file, line)
                else:
                    self._add_event(file, line, marks)
            except (*DECODE_ERRORS, ValueError) as error:
                if line.torn:
                    self.torn += 1
                    continue
                place = f"{source.path}, {source.noun} {line.number}"
                if not self._reading.skip_damaged:
                    raise UsageError(
                        f"{place}: {error}; expected one whole JSON object (--skip-damaged leaves "
                        "it out)"
                    ) from error
                self.damaged.append(Damage(place, str(error)))

    def _add_record(self, file: int, line: Line) -> None:
        kind = _record_decoder.decode(line.text).record
        if self._reading.strict:
            _whole_record_decoder.decode(line.text.decode())
        self.records.setdefault(kind, []).append(LinePlace(file, line.offset, len(line.text)))
        if kind != END:
            self.files[file].records.add(line.text)

    def _add_event(self, file: int, line: Line, marks: _Marks) -> None:
        mark = self._reading.mark(line)
        marks.add(file, line, mark)
        self._tallies[file, mark.worker].add(line.text)

    def _places(self, order: slice | NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
        found = self._columns
        columns = [column[order] for column in (found.files, found.offsets, found.lengths)]
        for start in range(0, len(self), _CHUNK):
            part = slice(start, start + _CHUNK)
            yield from zip(*(column[part].tolist() for column in columns), strict=True)


class EventColumns(msgspec.Struct, frozen=True):
    """Events in order, by column: times in s since 1970, workers by their number."""

    times: NDArray[np.float64]
    workers: NDArray[np.int64]
    seqs: NDArray[np.int64]
    files: NDArray[np.int64]
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]


class _Marks:
    """Time, worker, seq and place of each event, as columns of 8 bytes."""

    def __init__(self) -> None:
        self.times = array("d")
        self._workers = array("q")
        self._seqs = array("q")
        self._files = array("q")
        self._offsets = array("q")
        self._lengths = array("q")
        self._worker_numbers: dict[str, int] = {}

    def add(self, file: int, line: Line, mark: Event | EventMark) -> None:
        numbers = self._worker_numbers
        # A float holds microseconds of this century exactly enough to tell any two apart.
        time_s = mark.time.timestamp()
        self._seqs.append(mark.seq)  # first: it refuses a number of 20 digits
        self.times.append(time_s)
        self._workers.append(numbers.setdefault(mark.worker, len(numbers)))
        self._files.append(file)
        self._offsets.append(line.offset)
        self._lengths.append(len(line.text))

    def worker_names(self) -> list[str]:
        """The workers, in the order of their numbers in the columns."""
        return sorted(self._worker_numbers)

    def in_order(self) -> EventColumns:
        """The events in order, each once."""
        times = np.frombuffer(self.times, dtype=np.float64)
        workers, seqs = self._worker_ranks(), _integers(self._seqs)
        order = np.lexsort((seqs, workers, times))
        order = order[_first_of_equals(times[order], workers[order], seqs[order])]
        places = (_integers(one)[order] for one in (self._files, self._offsets, self._lengths))
        return EventColumns(times[order], workers[order], seqs[order], *places)

    def _worker_ranks(self) -> NDArray[np.int64]:
        rank = {name: rank for rank, name in enumerate(self.worker_names())}
        ranks = np.array([rank[name] for name in self._worker_numbers], dtype=np.int64)
        return ranks[_integers(self._workers)]


def _integers(column: array[int]) -> NDArray[np.int64]:
    return np.frombuffer(column, dtype=np.int64)


def _first_of_equals(*keys: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a row of sorted ``keys`` differs from the one before. Unstamped events (seq 0) stay."""
    differs = np.ones(len(keys[0]), dtype=bool)
    if len(differs):
        differs[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    unstamped: NDArray[np.bool_] = keys[-1] == 0
    return differs | unstamped
