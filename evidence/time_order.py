"""Events of several append-only files in time order, without holding them.

A file has its events in the order of their ends, and each says when it began; so they are sorted,
not merged: 48 bytes an event stay in memory (48 MB for a million), the events stay on disk.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from evidence.lines import Line, broken_line, lines_of

_CHUNK = 10_000


class _EventMark(msgspec.Struct):
    """What orders events."""

    time: datetime
    worker: str = ""
    seq: int = 0


class _RecordMark(msgspec.Struct):
    record: str


class Place(msgspec.Struct, frozen=True):
    """Where a line stands: the number of its file, its offset and length in bytes."""

    file: int
    offset: int
    length: int


_event_decoder = msgspec.json.Decoder(_EventMark)
_record_decoder = msgspec.json.Decoder(_RecordMark)


class TimeOrder:
    """Reads ``paths`` once; then ``raw_events`` gives their events by (time, worker, seq).

    ``raw_events_as_made`` keeps the order in which each file was written, whatever clocks did.

    An event that stands there twice (same time, worker and seq) is given once and counted in
    ``repeated``. ``torn`` counts last lines that a crash cut short. ``records`` has the places of
    the other lines, by kind, in the files' order. A broken line elsewhere raises MisuseError.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)
        self.torn = 0
        self.records: dict[str, list[Place]] = {}
        marks = _Marks()
        for file, path in enumerate(self.paths):
            self._read(file, path, marks)
        self._times, (self._files, self._offsets, self._lengths) = marks.in_order()
        self.repeated = len(marks.times) - len(self)

    def __len__(self) -> int:
        return len(self._offsets)

    def raw_events(self) -> Iterator[bytes]:
        """The events as they stand in their files, without newline."""
        return self._read_back(slice(None))

    def raw_events_as_made(self) -> Iterator[bytes]:
        """The same, each file's in its own order, the files side by side in time.

        An event counts as begun when the latest of those before it in its file did.
        """
        latest = np.empty_like(self._times)
        as_written = np.lexsort((self._offsets, self._files))
        for file in range(len(self.paths)):
            own = as_written[self._files[as_written] == file]
            latest[own] = np.maximum.accumulate(self._times[own])
        return self._read_back(np.lexsort((self._offsets, self._files, latest)))

    def _read_back(self, order: slice | NDArray[np.int64]) -> Iterator[bytes]:
        descriptors = [os.open(path, os.O_RDONLY) for path in self.paths]
        try:
            for file, offset, length in self._places(order):
                yield os.pread(descriptors[file], length, offset)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def raw_records(self, kind: str) -> Iterator[bytes]:
        """The records of ``kind``."""
        for place in self.records.get(kind, []):
            with self.paths[place.file].open("rb") as file:
                yield os.pread(file.fileno(), place.length, place.offset)

    def _read(self, file: int, path: Path, marks: _Marks) -> None:
        for line in lines_of(path):
            try:
                if line.is_record:
                    self._add_record(file, line)
                else:
                    marks.add(file, line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                if not line.torn:
                    raise broken_line(path, line.number, error) from error
                self.torn += 1

    def _add_record(self, file: int, line: Line) -> None:
        kind = _record_decoder.decode(line.text).record
        self.records.setdefault(kind, []).append(Place(file, line.offset, len(line.text)))

    def _places(self, order: slice | NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
        columns = [column[order] for column in (self._files, self._offsets, self._lengths)]
        for start in range(0, len(self), _CHUNK):
            part = slice(start, start + _CHUNK)
            yield from zip(*(column[part].tolist() for column in columns), strict=True)


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

    def add(self, file: int, line: Line) -> None:
        mark = _event_decoder.decode(line.text)
        numbers = self._worker_numbers
        # A float holds microseconds of this century exactly enough to tell any two apart.
        self.times.append(mark.time.timestamp())
        self._workers.append(numbers.setdefault(mark.worker, len(numbers)))
        self._seqs.append(mark.seq)
        self._files.append(file)
        self._offsets.append(line.offset)
        self._lengths.append(len(line.text))

    def in_order(self) -> tuple[NDArray[np.float64], tuple[NDArray[np.int64], ...]]:
        """Times, and files, offsets and lengths, of the events in order, each event once."""
        times = np.frombuffer(self.times, dtype=np.float64)
        keys = [times, self._worker_ranks(), _integers(self._seqs)]
        order = np.lexsort(keys[::-1])
        order = order[_first_of_equals([key[order] for key in keys])]
        columns = (self._files, self._offsets, self._lengths)
        return times[order], tuple(_integers(column)[order] for column in columns)

    def _worker_ranks(self) -> NDArray[np.int64]:
        rank = {name: rank for rank, name in enumerate(sorted(self._worker_numbers))}
        ranks = np.array([rank[name] for name in self._worker_numbers], dtype=np.int64)
        return ranks[_integers(self._workers)]


def _integers(column: array[int]) -> NDArray[np.int64]:
    return np.frombuffer(column, dtype=np.int64)


def _first_of_equals(keys: list[NDArray[Any]]) -> NDArray[np.bool_]:
    """Where a row of sorted ``keys`` differs from the one before. Unstamped events (seq 0) stay."""
    differs = np.ones(len(keys[0]), dtype=bool)
    if len(differs):
        differs[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    unstamped: NDArray[np.bool_] = keys[-1] == 0
    return differs | unstamped
