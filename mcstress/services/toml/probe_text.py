"""A request of a target's file, as ``mcstress check --probe`` shows it: what each pointer found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from mcstress.services.failure_reason import DECODE_ERRORS
from mcstress.services.step import Step
from mcstress.services.toml.caller import Caller
from mcstress.services.toml.operation import Operation, document
from mcstress.services.toml.pointer import Pointer, PointerError
from mcstress.services.toml.target_file import HitsTable, Tables

IN_THE_ANSWER = (
    "rows", "ids", "distances", "scores", "corpora", "counts", "boosted", "injected", "vector",
    "task", "pointer", "became",
)  # fmt: skip
IN_A_HIT = ("id", "distance", "score", "corpus", "answer_id", "answer_corpus", "where_role")
SENT_CHARACTERS, GOT_CHARACTERS, FOUND_CHARACTERS = 300, 700, 100
INDENT = "\n      "


class ListeningCaller(Caller):
    """Keeps what was sent and what came of it, for a probe."""

    heard: list[tuple[Operation, Step[Any]]]

    def send(self, request: Operation, *args: Any, **kwargs: Any) -> Step[Any]:
        """The step of one request."""
        step: Step[Any] = super().send(request, *args, **kwargs)
        self.heard.append((request, step))
        return step


def shown(tables: Tables, request: Operation, step: Step[Any]) -> str:
    """The request, the status, how long it took, the answer, and what each pointer found."""
    status = f"HTTP {step.status}" if step.status else step.error or "no answer"
    lines = [f"{request.name}: {request.method} {step.url}: {status}, {step.latency_ms:.0f} ms"]
    if step.request:
        lines.append(f"sent {_cut(step.request, SENT_CHARACTERS)}")
    if step.response:
        lines.append(f"got {_cut(step.response, GOT_CHARACTERS)}")
    lines += _found(_table_of(tables, request.name), step.response)
    return INDENT.join(lines)


def _table_of(tables: Tables, name: str) -> msgspec.Struct:
    """The table that has the pointers of an operation, such as ``add.done``."""
    table: Any = tables
    for key in name.split("."):
        table = getattr(table, key)
    if name == "search.memory" and table.rows is None and table.ids is None:
        table = tables.search
    found: msgspec.Struct = table
    return found


def _found(table: msgspec.Struct, body: bytes) -> Iterator[str]:
    try:
        answer = document(body)
    except DECODE_ERRORS:
        return
    outer, inner, first = _places(table)
    for key in outer:
        if (text := getattr(table, key, None)) is not None:
            yield f"{key} {_look(text, answer)}"
    if first is None or not _is_there(first, answer):
        return
    for key in inner:
        if (text := getattr(table, key, None)) is not None:
            yield f"{key} {_look(first + text, answer)}"


def _places(table: msgspec.Struct) -> tuple[Sequence[str], Sequence[str], str | None]:
    """The keys that lead into the answer, those that lead into its first hit, and where that is."""
    rows: str | None = getattr(table, "rows", None)
    if not isinstance(table, HitsTable):
        return (
            (("rows",), ("name", "size", "roles"), f"{rows}/0")
            if rows is not None
            else ((*IN_THE_ANSWER, "id", "size"), (), None)
        )
    if rows is not None:
        return IN_THE_ANSWER, (*IN_A_HIT, "metadata"), f"{rows}/0"
    first = None if table.metadata is None else f"{table.metadata}/0"
    return (*IN_THE_ANSWER, "metadata"), IN_A_HIT, first


def _is_there(text: str, answer: Any) -> bool:
    try:
        Pointer(text).find(answer)
    except PointerError:
        return False
    return True


def _look(text: str, answer: Any) -> str:
    """Where the pointer leads, and to what."""
    named = text or '""'
    try:
        value = Pointer(text).find(answer)
    except PointerError as fault:
        return f"{named} finds nothing: {fault}"
    many = f"a list of {len(value)}: " if isinstance(value, list) else ""
    return f"{named} finds {many}{_cut(msgspec.json.encode(value), FOUND_CHARACTERS)}"


def _cut(body: bytes, characters: int) -> str:
    text = " ".join(body[: 4 * characters].decode("utf-8", "replace").split())
    is_whole = len(text) <= characters and len(body) <= 4 * characters
    return text if is_whole else f"{text[:characters]}…"
