"""Events of several append-only files in time order, without holding them.

A file has its events in the order of their ends, and each says when it began; so they are sorted,
not merged. Of each event a row of 40 bytes is kept, of which a million at most stay in memory; the
events stay on disk.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from mcstress.errors import UsageError
from mcstress.evidence.store.event_line import QUICK, Damage, EventMark, ReadOptions, mark_decoder
from mcstress.evidence.store.lines import DECODE_ERRORS, RECORD, Batch, Line
from mcstress.evidence.store.lines_digest import FileTally, LinesDigest
from mcstress.evidence.store.sorted_rows import Rows, SortedRows
from mcstress.evidence.store.source import EventsFile, ReadBack, Source
from mcstress.metrics.event import Event

_CHUNK = 10_000
_TOGETHER_BYTES = 2 << 20
"""Events are read back so many bytes at once, where they lie near one another."""
END = "end"

_ROW = np.dtype(
    [("time", "f8"), ("seq", "i8"), ("offset", "i8"), ("worker", "u4"), ("file", "u4"),
     ("length", "u4")]
)  # fmt: skip
"""An event: time in s since 1970, worker by its number, and the place of its line in bytes."""
_WORD_BITS = 64


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
        self._rows = SortedRows("time")
        self._marks = _Marks(self._rows)
        for file, source in enumerate(self.sources):
            self._read(file, source)
        self._ranks = self._marks.ranks()
        self._count = sum(map(len, self._in_order()))
        self.repeated = self._marks.count - self._count
        self.workers = self._add_up()
        if self.repeated:
            self.workers = self._tallied_once()

    def __len__(self) -> int:
        return self._count

    def raw_events(self) -> Iterator[bytes]:
        """The events as they stand in their files, without newline."""
        return self._read_back(self._in_order())

    def raw_events_as_made(self) -> Iterator[bytes]:
        """The same, each worker's in its own order, the workers side by side in time.

        An event counts as begun when the latest of those before it did.
        """
        made = SortedRows("time")
        latest: dict[int, float] = {}
        for rows in self._by_worker():
            ends = np.flatnonzero(np.diff(rows["worker"])) + 1
            for own in np.split(rows, ends):
                worker = int(own["worker"][0])
                own["time"][0] = max(own["time"][0], latest.get(worker, -np.inf))
                own["time"] = np.maximum.accumulate(own["time"])
                latest[worker] = float(own["time"][-1])
            made.add(rows)
        return self._read_back(made.blocks(_settled("time", "worker", "seq", "offset", "file")))

    def missing(self) -> dict[str, int]:
        """How many numbers each worker's events leave out, where it leaves out any."""
        last: dict[int, int] = {}
        found: defaultdict[int, int] = defaultdict(int)
        for rows in self._by_worker():
            # Unstamped events have number 0; the last may be missing, which no gap shows.
            for worker in np.unique(rows["worker"]).tolist():
                seqs = np.unique(rows["seq"][rows["worker"] == worker])
                before = last.get(worker, 0)
                seqs = seqs[seqs > before]
                if len(seqs):
                    last[worker] = int(seqs[-1])
                    found[worker] += last[worker] - before - len(seqs)
        names = self._marks.names()
        return {names[worker]: gap for worker, gap in sorted(found.items()) if gap}

    def _in_order(self) -> Iterator[Rows]:
        """The events by (time, worker, seq), each once; workers by the rank of their names."""
        settled = _settled("time", "worker", "seq")

        def settle(rows: Rows) -> Rows:
            return _once(settled(self._ranked(rows)))

        return self._rows.blocks(settle)

    def _by_worker(self) -> Iterator[Rows]:
        """The events by (worker, seq, offset)."""
        bits = max(self._marks.largest_seq, 1).bit_length()
        if bits + len(self._ranks).bit_length() > _WORD_BITS:
            raise UsageError(f"{self.paths[0]}: more workers and higher numbers than a run has")
        keyed = SortedRows("key")
        for rows in self._in_order():
            with_key = np.empty(len(rows), [*_ROW.descr, ("key", "u8")])
            for name in _ROW.fields or ():
                with_key[name] = rows[name]
            with_key["key"] = rows["worker"].astype(np.uint64) << np.uint64(bits)
            with_key["key"] |= np.maximum(rows["seq"], 0).astype(np.uint64)
            keyed.add(with_key)
        return keyed.blocks(_settled("key", "offset", "time", "file"))

    def _ranked(self, rows: Rows) -> Rows:
        """With workers by the rank of their names in place of the order in which they came."""
        rows["worker"] = self._ranks[rows["worker"]]
        return rows

    def _read_back(self, blocks: Iterator[Rows]) -> Iterator[bytes]:
        with ExitStack() as opened:
            read = [opened.enter_context(source.opened()) for source in self.sources]
            for rows in blocks:
                for part in _pieces(rows):
                    yield from _texts(part, read)

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

    def _read(self, file: int, source: Source) -> None:
        for some in source.lines():
            if isinstance(some, Line):
                self._add_line(file, source, some)
                continue
            # A run writes a record or more each second: most pieces of a slow run's file hold one.
            events, records = _apart(some)
            for line in records if self._add_batch(file, events) else some.lines():
                self._add_line(file, source, line)

    def _add_batch(self, file: int, batch: Batch) -> bool:
        """Add events, or nothing where not all of the lines are whole ones."""
        texts = batch.texts
        try:
            marks = self._reading.marks(texts)
            self._marks.add(file, batch, marks)
        except (*DECODE_ERRORS, ValueError):
            return False
        workers = {mark.worker for mark in marks}
        if len(workers) == 1:
            self._tallies[file, workers.pop()].add_all(texts)
        else:
            for mark, text in zip(marks, texts, strict=True):
                self._tallies[file, mark.worker].add(text)
        return True

    def _add_line(self, file: int, source: Source, line: Line) -> None:
        try:
            if line.is_record and not line.fault:
                self._add_record(file, line)
            else:
                self._add_event(file, line)
        except (*DECODE_ERRORS, ValueError) as error:
            if line.torn:
                self.torn += 1
                return
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

    def _add_event(self, file: int, line: Line) -> None:
        if line.fault:
            raise ValueError(line.fault)
        alone = Batch(line.number, np.array([line.offset]), [line.text])
        marks = self._reading.marks(alone.texts)
        self._marks.add(file, alone, marks)
        self._tallies[file, marks[0].worker].add(line.text)


class _Marks:
    """Makes rows of events, and numbers their workers in the order in which they come."""

    def __init__(self, rows: SortedRows) -> None:
        self.count = 0
        self.largest_seq = 0
        self._rows = rows
        self._numbers: dict[str, int] = {}

    def add(self, file: int, batch: Batch, marks: Sequence[Event | EventMark]) -> None:
        """Make rows of the events of ``batch``; none where a number has 20 digits."""
        rows = np.empty(len(marks), _ROW)
        # A float holds microseconds of this century exactly enough to tell any two apart.
        rows["time"] = [mark.time.timestamp() for mark in marks]
        rows["seq"] = [mark.seq for mark in marks]
        rows["offset"] = batch.offsets
        rows["length"] = list(map(len, batch.texts))
        rows["file"] = file
        numbers = self._numbers
        rows["worker"] = [numbers.setdefault(mark.worker, len(numbers)) for mark in marks]
        self.count += len(rows)
        self.largest_seq = max(self.largest_seq, int(rows["seq"].max(initial=0)))
        self._rows.add(rows)

    def names(self) -> list[str]:
        """The workers, by their rank."""
        return sorted(self._numbers)

    def ranks(self) -> NDArray[np.uint32]:
        """The rank of each worker by its number."""
        rank = {name: rank for rank, name in enumerate(self.names())}
        return np.array([rank[name] for name in self._numbers], dtype=np.uint32)


def _begins_record(text: bytes) -> bool:
    return text.startswith(RECORD)


def _apart(batch: Batch) -> tuple[Batch, list[Line]]:
    """The events of ``batch``, and its records."""
    is_record = list(map(_begins_record, batch.texts))
    if not any(is_record):
        return batch, []
    events = [text for text, record in zip(batch.texts, is_record, strict=True) if not record]
    records = [line for line, record in zip(batch.lines(), is_record, strict=True) if record]
    return Batch(batch.number, batch.offsets[~np.array(is_record)], events), records


def _pieces(rows: Rows) -> Iterator[Rows]:
    """The rows in parts of so many events, or of so many bytes where those are fewer."""
    ends = np.cumsum(rows["length"], dtype=np.int64)
    begin = 0
    while begin < len(rows):
        before = int(ends[begin - 1]) if begin else 0
        end = int(np.searchsorted(ends, before + _TOGETHER_BYTES, side="right"))
        end = min(max(end, begin + 1), begin + _CHUNK)
        yield rows[begin:end]
        begin = end


def _texts(rows: Rows, read: Sequence[ReadBack]) -> list[bytes]:
    """The events of ``rows``: what lies together in a file is read at once."""
    texts = [b""] * len(rows)
    for file in np.unique(rows["file"]).tolist():
        at = np.flatnonzero(rows["file"] == file)
        begins = rows["offset"][at]
        ends = begins + rows["length"][at]
        begin, end = int(begins.min()), int(ends.max())
        places = zip(at.tolist(), begins.tolist(), ends.tolist(), strict=True)
        if end - begin > 2 * _TOGETHER_BYTES:
            for place, from_, to in places:
                texts[place] = read[file](to - from_, from_)
            continue
        text = read[file](end - begin, begin)
        for place, from_, to in places:
            texts[place] = text[from_ - begin : to - begin]
    return texts


def _settled(*by: str) -> Callable[[Rows], Rows]:
    """Puts rows into the order of columns, the first before the others."""

    def settle(rows: Rows) -> Rows:
        ordered: Rows = rows[np.lexsort([rows[name] for name in reversed(by)])]
        return ordered

    return settle


def _once(rows: Rows) -> Rows:
    """Of sorted rows that are the same event the first. Unstamped events (seq 0) stay."""
    differs = rows["seq"] == 0
    differs[:1] = True
    for name in ("time", "worker", "seq"):
        differs[1:] |= rows[name][1:] != rows[name][:-1]
    once: Rows = rows[differs]
    return once
