"""What a line of a spool holds."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from mcstress.services.failure_reason import DECODE_ERRORS
from mcstress.tracing.observation import Entry
from mcstress.tracing.observation_of_step import Translator
from mcstress.tracing.spool.step import SpooledStep

if TYPE_CHECKING:
    from mcstress.tracing.trace import TraceRun

_SCORE_TAG = "score"
_decoder: msgspec.json.Decoder[Entry | SpooledStep] = msgspec.json.Decoder(Entry | SpooledStep)


class _Tag(msgspec.Struct):
    """What a line is, in the same words as the tags of entries."""

    is_: str = msgspec.field(name="is", default="")


_tag_decoder = msgspec.json.Decoder(_Tag)


def is_score(line: bytes) -> bool:
    """Whether a ``line`` is there for a score; whatever is broken counts with the observations."""
    try:
        return _tag_decoder.decode(line).is_ == _SCORE_TAG
    except DECODE_ERRORS:
        return False


def entry_of(line: bytes) -> Entry | None:
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
