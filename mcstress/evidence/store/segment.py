"""The append-only file of one process: events as they happen, one JSON object per line.

After SIGKILL at most what came since the last ``flush`` is missing, and the last line may be torn.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mcstress.errors import UsageError
from mcstress.evidence.store.lines import RECORD
from mcstress.evidence.store.lines_digest import FileTally, seal
from mcstress.metrics.event import Event, encoder

FLUSH_BYTES = 256 * 1024
MOST_PIECES = 1000
"""So many pieces are handed to the operating system at once; Linux takes 1024."""
HELD_BYTES = 64 * 1024 * 1024
"""Where the disk refuses, as much is held back for the next try; what is beyond that is lost."""


class Segment:
    """Appends events and records to ``path``, which must be new or empty.

    An event costs about 2 µs; the disk is touched only when ``FLUSH_BYTES`` are waiting, and the
    owner calls ``flush`` once a second. A disk that refuses is never raised to a user: ``error``
    says what it said first, each later flush tries again, and ``lost`` counts the lines that never
    got there. ``events`` counts those appended (lost ones included), ``bytes_written`` what the
    file holds, and ``tally`` its whole lines. ``private``: only its owner may
    read it. Greenlets may share a segment, threads may not.
    """

    def __init__(self, path: Path, first_record: dict[str, Any], *, private: bool = False) -> None:
        self.path = path
        self.events = 0
        self.bytes_written = 0
        self.lost = 0
        self.error: str | None = None
        self.tally = FileTally()
        self._gone = False
        # Pieces of whole lines: a bytearray that grows by them is copied ten times over.
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._half_line = b""
        self._has_untallied_records = False
        self._descriptor = _open_empty(path, private=private)
        self.record(first_record)
        self.flush()

    @property
    def kept(self) -> int:
        """Events that the file holds."""
        return 0 if self._gone else self.tally.events.lines

    def append(self, event: Event) -> None:
        """Keep ``event``."""
        self.events += 1
        self._keep(event)

    def extend(self, events: Sequence[Event]) -> None:
        """Keep ``events``, written down in one go."""
        try:
            lines = encoder.encode_lines(events)
        except UnicodeEncodeError:  # in one of them: each by itself
            lines = None
        if lines is None or (self._waiting_bytes > FLUSH_BYTES and not self._has_room()):
            for event in events:
                self.append(event)
            return
        self.events += len(events)
        self._waiting.append(lines)
        self._waiting_bytes += len(lines)

    def record(self, record: dict[str, Any]) -> None:
        """Keep a line that is no event: it says what it is under ``"record"``."""
        # The kind comes first, so that a reader tells records from events by their first bytes.
        self._keep({"record": record["record"]} | record)
        self._has_untallied_records = True

    def flush(self) -> None:
        """Hand what is waiting to the operating system, and look whether the file is there."""
        self._write()
        self._look_for_file()

    def end(self, outcome: dict[str, Any] | None = None) -> None:
        """Write the last line: that this was all, what stands before it, and ``outcome``.

        Left out where the disk refuses: a file that is not whole does not say that it is.
        """
        self.flush()
        if self._waiting or self._gone or self._descriptor < 0:
            return
        record = {
            "record": "end",
            "events": self.tally.events.stated,
            "records": self.tally.records.stated,
            "lost": self.events - self.kept,
            "error": self.error,
            **(outcome or {}),
        }
        stated = msgspec.json.decode(encoder.encode(record))
        self.record(stated | {"seal": seal(stated)})
        self.flush()

    def close(self) -> None:
        """Flush and close; what the disk still refuses is counted in ``lost``. Twice is once."""
        if self._descriptor < 0:
            return
        self.flush()
        self.lost += sum(lines.count(b"\n") for lines in self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        os.close(self._descriptor)
        self._descriptor = -1

    def _write(self) -> None:
        """Write what is waiting, and tally what the file holds: 0.2 ms for ``FLUSH_BYTES``."""
        while self._waiting:
            pieces = self._waiting[:MOST_PIECES]
            try:
                written = os.writev(self._descriptor, pieces)
            except OSError as error:
                self.error = self.error or f"{self.path}: {error.strerror}"
                return
            self.bytes_written += written
            self._waiting_bytes -= written
            if written == sum(map(len, pieces)):
                del self._waiting[: len(pieces)]
                self._add_to_tally(pieces)
            else:
                lines = b"".join(pieces)
                self._waiting[: len(pieces)] = [lines[written:]]
                self._add_to_tally([lines[:written]])
        self._has_untallied_records = False

    def _add_to_tally(self, pieces: Iterable[bytes]) -> None:
        """Tally the whole lines among what was written; half a line waits for its end."""
        lines: list[memoryview] = []
        for piece in pieces:
            written = self._half_line + piece if self._half_line else piece
            at, view = 0, memoryview(written)
            # ``split`` looks at one byte after the other, ``find`` at many: half of all it costs.
            while (end := written.find(b"\n", at)) >= 0:
                lines.append(view[at:end])
                at = end + 1
            self._half_line = written[at:]
        if self._has_untallied_records:
            self.tally.records.add_all(line for line in lines if _is_record(line))
            lines = [line for line in lines if not _is_record(line)]
        self.tally.events.add_all(lines)

    def _look_for_file(self) -> None:
        """Notice that somebody removed the file: writing to it would go on without a word."""
        if self._gone or self._descriptor < 0 or self._is_there():
            return
        self._gone = True
        self.error = self.error or f"{self.path} was removed during the run, with its events"

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def _keep(self, line: Event | dict[str, Any]) -> None:
        if self._waiting_bytes > FLUSH_BYTES and not self._has_room():
            self.lost += 1
            return
        try:
            written = encoder.encode_lines([line])
        except UnicodeEncodeError as error:
            # Half a surrogate pair from a service has no place in JSON, and must stop no user.
            self.lost += 1
            self.error = self.error or f"{self.path}: {error}"
        else:
            self._waiting.append(written)
            self._waiting_bytes += len(written)

    def _has_room(self) -> bool:
        self._write()
        return self._waiting_bytes < HELD_BYTES


def _is_record(line: memoryview) -> bool:
    return line[: len(RECORD)] == RECORD


def _open_empty(path: Path, *, private: bool) -> int:
    try:
        descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600 if private else 0o644
        )
        if private:  # a file that was claimed before is anybody's to read
            os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}; the run's evidence belongs there"
        ) from error
    if os.fstat(descriptor).st_size:
        os.close(descriptor)
        raise UsageError(f"{path}: already holds events; expected a new file")
    return descriptor


def refused(name: str, error: str) -> str:
    """A line for the log, on a disk that takes no more evidence."""
    return (
        f"evidence of {name} cannot be written: {error}; up to {HELD_BYTES >> 20} MB of events "
        "wait in memory for room, the rest is lost, and the verdict will be unknown"
    )
