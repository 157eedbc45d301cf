"""What a line of a spool holds: first for which sink it is, then an observation or score each."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from mcstress.services.failure_reason import DECODE_ERRORS
from mcstress.tracing.observation import TraceEntry, encoder
from mcstress.tracing.observation_of_step import Translator
from mcstress.tracing.sink import SinkName
from mcstress.tracing.spool.step import SpooledStep

if TYPE_CHECKING:
    from mcstress.tracing.trace import TraceRun

SCORE_TAG = "score"
HEAD_TAG = "spool"


class SpoolHead(msgspec.Struct, tag=HEAD_TAG, tag_field="is"):
    """The first line: the ``sink`` that the others are for, and the ``url`` that they were sent to.

    Spools of older versions have none, and are for Langfuse.
    """

    sink: SinkName = "langfuse"
    url: str = ""


_head_decoder = msgspec.json.Decoder(SpoolHead)
_decoder: msgspec.json.Decoder[TraceEntry | SpooledStep] = msgspec.json.Decoder(
    TraceEntry | SpooledStep
)


class _Tag(msgspec.Struct):
    """What a line is, in the same words as the tags of entries."""

    is_: str = msgspec.field(name="is", default="")


_tag_decoder = msgspec.json.Decoder(_Tag)


def spool_head(sink: SinkName, url: str) -> bytes:
    """The first line of a spool."""
    return encoder.encode(SpoolHead(sink, url))


def head_of(line: bytes) -> SpoolHead | None:
    """The head that a ``line`` is; None where it is none, or of a sink that nobody knows."""
    try:
        return _head_decoder.decode(line)
    except DECODE_ERRORS:
        return None


def tag_of(line: bytes) -> str:
    """What a ``line`` is: ``score``, ``observation``, ``step``, ``spool``; empty where broken."""
    try:
        return _tag_decoder.decode(line).is_
    except DECODE_ERRORS:
        return ""


def entry_of(line: bytes) -> TraceEntry | None:
    """The observation or score of a ``line``; None where it is broken."""
    try:
        found = _decoder.decode(line)
        if isinstance(found, SpooledStep):
            return _translator(found.run).observation(found.step)
    except (*DECODE_ERRORS, KeyError, ValueError, OverflowError):  # no such phase, no such time
        return None
    return found


@lru_cache(maxsize=16)
def _translator(run: TraceRun) -> Translator:
    # A step whose bodies were too long was spooled as an observation.
    return Translator(run, body_bytes=sys.maxsize)
