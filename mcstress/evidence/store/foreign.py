"""A document that another tool laid out anew (``jq``, an editor): read whole, not line by line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from mcstress.errors import UsageError
from mcstress.evidence.run_document import Json
from mcstress.evidence.store.lines import DECODE_ERRORS, PIECE_BYTES, Batch
from mcstress.evidence.store.source import ReadBack
from mcstress.metrics.event import decoder, encoder

MOST_BYTES = 512 << 20
_TOGETHER = 1000


class ForeignEvents:
    """Its events, each as the run wrote it: another layout changes no digest."""

    noun = "event"

    def __init__(self, path: Path, events: list[msgspec.Raw]) -> None:
        self.path = path
        self._texts = [_as_written(bytes(event)) for event in events]
        self._whole = b"".join(self._texts)

    def lines(self) -> Iterator[Batch]:
        """One for each event."""
        ends = np.cumsum([len(text) for text in self._texts], dtype=np.int64)
        starts = np.concatenate(([0], ends[:-1]))
        texts, self._texts = self._texts, []
        for begin in range(0, len(texts), _TOGETHER):
            end = begin + _TOGETHER
            yield Batch(begin + 1, starts[begin:end], texts[begin:end])

    @contextmanager
    def opened(self) -> Iterator[ReadBack]:
        """Reads from memory."""
        yield self._read

    def _read(self, length: int, offset: int) -> bytes:
        return self._whole[offset : offset + length]


def _as_written(event: bytes) -> bytes:
    try:
        return encoder.encode(decoder.decode(event))
    except DECODE_ERRORS:
        return event  # its reader says what is wrong with it


def read_foreign(path: Path) -> tuple[Json, ForeignEvents]:
    """Its head and its events. Raises UsageError where it is no JSON object, or too large."""
    size = path.stat().st_size
    with path.open("rb") as file:
        begin = file.read(PIECE_BYTES)
        if not begin.lstrip().startswith(b"{"):
            raise UsageError(f"{path}: malformed: found no JSON object; expected a run's .json")
        if size > MOST_BYTES:
            raise UsageError(
                f"{path}: {size:,} bytes that another tool laid out; expected at most "
                f"{MOST_BYTES:,}, or the document as the run wrote it"
            )
        text = begin + file.read()
    head = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    events = msgspec.json.decode(head.pop("events", b"[]"), type=list[msgspec.Raw])
    return {key: msgspec.json.decode(value) for key, value in head.items()}, ForeignEvents(
        path, events
    )
