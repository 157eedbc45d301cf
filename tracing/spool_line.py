"""What a line of a spool holds."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from services.reason import DECODE_ERRORS
from tracing.observation import Entry
from tracing.spooled_step import SpooledStep
from tracing.translation import Translator

if TYPE_CHECKING:
    from tracing.trace import TraceRun

_decoder: msgspec.json.Decoder[Entry | SpooledStep] = msgspec.json.Decoder(Entry | SpooledStep)


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
