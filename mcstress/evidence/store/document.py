"""The JSON document of a run: a head written for people to read, then one event per line.

The events go in and out as bytes, never decoded, never all in memory; a new head is put before
events that are there already by copying their bytes.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from os import SEEK_CUR
from pathlib import Path
from typing import BinaryIO

import msgspec

from mcstress.evidence.run_document import KEYS, SCHEMA, Json
from mcstress.evidence.store.atomic import atomic_file
from mcstress.evidence.store.integrity import seal_of
from mcstress.evidence.store.lines import LINE_BYTES, PIECE_BYTES, RECORD, Batch, Line, lines_in
from mcstress.evidence.store.lines_digest import LinesDigest
from mcstress.evidence.store.source import ReadBack, reading_back
from mcstress.metrics.event import encoder

_BEGIN = b"{\n"
_EVENTS = b'\n  "events": [\n'
_LAST_BRACKET = b"  ]\n"
_FOREIGN_EVENT = b"    "
"""How an event begins that another tool laid out with as many spaces as we do (``jq .``)."""
_CLOSE = b"}\n"
_BETWEEN = b",\n"
_BRACKET_LINE, _CLOSE_LINE = _LAST_BRACKET.rstrip(b"\n"), _CLOSE.rstrip(b"\n")
_END = _LAST_BRACKET + _CLOSE
_MORE = "found more after the document's end"
# A JSON string has no raw newline, so that what this matches can only be a list of plain values.
_FLAT_LIST = re.compile(rb'\[\n\s+([^\[\]{}"]*?)\n\s+\]')
_BREAK = re.compile(rb",\n\s+")


def write_document(
    path: Path,
    head: Json,
    raw_events: Iterable[bytes],
    workers: Mapping[str, LinesDigest] | None = None,
) -> int:
    """Write the document to ``path`` atomically; the number of its events.

    ``head`` is all of it but ``schema`` and ``events``; ``workers`` are the tallies of the events,
    which then stand in it under ``integrity``, with the head's own seal. With bodies the file
    has mode 0600.
    """
    if workers is not None:
        stated = {name: msgspec.to_builtins(workers[name].stated) for name in sorted(workers)}
        head = _sealed(head, stated)
    with atomic_file(path, private=has_bodies(head)) as file:
        file.write(_head_text(head))
        count = _write_events(file, raw_events)
        file.write(b"\n" + _END if count else _END)
    return count


def _write_events(file: BinaryIO, raw_events: Iterable[bytes]) -> int:
    """Write them, many at a time; how many there were."""
    count, waiting_bytes = 0, 0
    waiting: list[bytes] = []
    for event in raw_events:
        waiting.append(event)
        waiting_bytes += len(event)
        if waiting_bytes >= PIECE_BYTES:
            _write_some(file, waiting, count)
            count += len(waiting)
            waiting, waiting_bytes = [], 0
    _write_some(file, waiting, count)
    return count + len(waiting)


def _write_some(file: BinaryIO, events: list[bytes], before: int) -> None:
    """Write ``events``, where so many were written before."""
    if before and events:
        file.write(_BETWEEN)
    file.write(_BETWEEN.join(events))


def has_bodies(head: Json) -> bool:
    """Whether the events hold requests and answers, which only the file's owner may read."""
    return bool(head.get("run", {}).get("evidence") == "full")


def replace_head(path: Path, head: Json) -> None:
    """Put ``head`` in the place of the document's, atomically, before the same events."""
    with path.open("rb") as old:
        before = msgspec.json.decode((events_start(old) or b"{") + b"\n}", type=Json)
        if "integrity" in before:
            head = _sealed(head, before["integrity"]["workers"])
        with atomic_file(path, private=has_bodies(head)) as new:
            new.write(_head_text(head))
            shutil.copyfileobj(old, new, 1 << 20)


def events_start(file: BinaryIO) -> bytes | None:
    """The bytes of the head, its closing brace left out; ``file`` then stands at the first event.

    None where the document was not laid out by ``write_document``.
    """
    head = bytearray()
    while line := file.readline(PIECE_BYTES):
        head += line
        if head.endswith(_EVENTS):
            begin = file.read(len(_FOREIGN_EVENT))
            file.seek(-len(begin), SEEK_CUR)
            if begin == _FOREIGN_EVENT:
                return None
            return bytes(head[: -len(_EVENTS)]).rstrip().removesuffix(b",")
        if not head.startswith(_BEGIN) or len(head) > LINE_BYTES:
            return None
    return None


def read_head(path: Path) -> Json | None:
    """The document at ``path`` without its events; None where its layout is another's."""
    with path.open("rb") as file:
        head = events_start(file)
    if head is None:
        return None
    read = msgspec.json.decode(head + b"\n}", type=Json)
    # Where the keys were sorted, others follow the events.
    return read if "schema" in read else None


class DocumentEvents:
    """The events of a document that ``write_document`` laid out, for TimeOrder."""

    noun = "event"

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> Iterator[Line | Batch]:
        """Each event's bytes; then a line that is a fault, where the document does not end well."""
        number = 1
        with self.path.open("rb") as file:
            events_start(file)
            found = lines_in(file)
            for some in found:
                if isinstance(some, Line):
                    if some.torn:
                        break
                    yield _event_line(some)
                    number = some.number + 1
                    continue
                events = some.texts.index(_BRACKET_LINE) if _BRACKET_LINE in some.texts else None
                yield from _events(some, events)
                if events is not None:
                    if fault := _fault_after(some.texts[events + 1 :], found):
                        yield _no_end(some.number + events, fault)
                    return
                number = some.number + len(some.texts)
        yield _no_end(number, "the document ends in the middle of its events")

    def opened(self) -> AbstractContextManager[ReadBack]:
        """Reads from the disk."""
        return reading_back(self.path)


def _fault_after(rest: list[bytes], found: Iterator[Line | Batch]) -> str:
    """What is wrong with what follows the last bracket; a piece of the file may end with that."""
    if not rest and isinstance(more := next(found, None), Batch):
        rest = more.texts
    elif not rest:
        return "the document ends before its last brace" if more is None else _MORE
    return "" if rest == [_CLOSE_LINE] and next(found, None) is None else _MORE


def _events(some: Batch, count: int | None) -> Iterator[Line | Batch]:
    """Its first ``count`` lines as events; one by one where any of them is none."""
    texts = [text.removesuffix(b",") for text in some.texts[:count]]
    events = Batch(some.number, some.offsets[: len(texts)], texts)
    if any(text.startswith(RECORD) for text in texts):
        yield from map(_event_line, events.lines())
    else:
        yield events


def _event_line(line: Line) -> Line:
    fault = "found a record" if line.is_record else line.fault
    return Line(line.number, line.offset, line.text.removesuffix(b","), torn=False, fault=fault)


def _no_end(number: int, fault: str) -> Line:
    return Line(number, 0, b"", torn=False, fault=fault)


def _sealed(head: Json, workers: Json) -> Json:
    """The head with what it says of itself and of its events, as a reader will find it."""
    given = {"schema": SCHEMA} | head | {"integrity": {"workers": workers}}
    read = msgspec.json.decode(_encoded(given), type=Json)
    return head | {"integrity": {"head": seal_of(read), "workers": workers}}


def _head_text(head: Json) -> bytes:
    head = {"schema": SCHEMA} | head
    first = {key: head[key] for key in KEYS if key in head}
    text = msgspec.json.format(_encoded(first | head), indent=2)
    text = _FLAT_LIST.sub(lambda match: b"[" + _BREAK.sub(b", ", match[1]) + b"]", text)
    return text.removesuffix(b"\n}") + b"," + _EVENTS


def _encoded(head: Json) -> bytes:
    try:
        return encoder.encode(head)
    except UnicodeEncodeError:
        # Half a surrogate pair, as from a path of another encoding: it becomes "?".
        return json.dumps(msgspec.to_builtins(head), ensure_ascii=False).encode("utf-8", "replace")
