"""The JSON document of a run: a head written for people to read, then one event per line.

The events go in and out as bytes, never decoded, never all in memory; a new head is put before
events that are there already by copying their bytes.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from evidence.atomic import atomic_file
from metrics.event import encoder
from services.errors import MisuseError

SCHEMA = 1
KEYS = (
    "schema",
    "run",
    "scenario",
    "metrics",
    "latency",
    "load_curve",
    "checks",
    "verdict",
    "completeness",
)
"""The keys that lead the document, in this order; others follow, and ``events`` comes last."""

_EVENTS = b'\n  "events": [\n'
_LAST_BRACKET = b"  ]\n"
_END = _LAST_BRACKET + b"}\n"
# A JSON string has no raw newline, so that what this matches can only be a list of plain values.
_FLAT_LIST = re.compile(rb'\[\n\s+([^\[\]{}"]*?)\n\s+\]')
_BREAK = re.compile(rb",\n\s+")


def write_document(path: Path, head: dict[str, Any], raw_events: Iterable[bytes]) -> int:
    """Write the document to ``path`` atomically; the number of its events.

    ``head`` is all of it but ``schema`` and ``events``. With bodies the file has mode 0600.
    """
    count = 0
    with atomic_file(path, private=has_bodies(head)) as file:
        file.write(_head_text(head))
        for event in raw_events:
            file.write(b",\n" + event if count else event)
            count += 1
        file.write(b"\n" + _END if count else _END)
    return count


def has_bodies(head: dict[str, Any]) -> bool:
    """Whether the events hold requests and answers, which only the file's owner may read."""
    return bool(head.get("run", {}).get("evidence") == "full")


def replace_head(path: Path, head: dict[str, Any]) -> None:
    """Put ``head`` in the place of the document's, atomically, before the same events."""
    with path.open("rb") as old:
        events_start(old)
        with atomic_file(path, private=has_bodies(head)) as new:
            new.write(_head_text(head))
            shutil.copyfileobj(old, new, 1 << 20)


def events_start(file: BinaryIO) -> bytes | None:
    """The bytes of the head, its closing brace left out; ``file`` then stands at the first event.

    None where the document was not laid out by ``write_document``.
    """
    head = bytearray()
    for line in file:
        head += line
        if head.endswith(_EVENTS):
            return bytes(head[: -len(_EVENTS)]).rstrip().removesuffix(b",")
    return None


def read_head(path: Path) -> dict[str, Any] | None:
    """The document at ``path`` without its events; None where its layout is another's."""
    with path.open("rb") as file:
        head = events_start(file)
    if head is None:
        return None
    return msgspec.json.decode(head + b"\n}", type=dict[str, Any])


def raw_events(path: Path) -> Iterator[bytes]:
    """The events of a document that ``write_document`` laid out, each as its bytes."""
    with path.open("rb") as file:
        events_start(file)
        for line in file:
            if line == _LAST_BRACKET:
                return
            yield line.removesuffix(b"\n").removesuffix(b",")
    raise MisuseError(f"{path}: ends in the middle of its events; expected a whole document")


def _head_text(head: dict[str, Any]) -> bytes:
    head = {"schema": SCHEMA} | head
    first = {key: head[key] for key in KEYS if key in head}
    text = msgspec.json.format(_encoded(first | head), indent=2)
    text = _FLAT_LIST.sub(lambda match: b"[" + _BREAK.sub(b", ", match[1]) + b"]", text)
    return text.removesuffix(b"\n}") + b"," + _EVENTS


def _encoded(head: dict[str, Any]) -> bytes:
    try:
        return encoder.encode(head)
    except UnicodeEncodeError:
        # Half a surrogate pair, as from a path of another encoding: it becomes "?".
        return json.dumps(msgspec.to_builtins(head), ensure_ascii=False).encode("utf-8", "replace")
