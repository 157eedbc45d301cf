"""A line of the spool that is a step: no work is done on it before it is replayed."""

from __future__ import annotations

from typing import Self

import msgspec

from mcstress.services.error_words import has_surrogates
from mcstress.services.failure_reason import DECODE_ERRORS
from mcstress.tracing.trace import TraceRun
from mcstress.tracing.traced_step import StepFacts, TracedStep

NOTHING = msgspec.Raw(b"null")
QUOTE = b'"'
_encode = msgspec.json.Encoder().encode


class SpooledStep(msgspec.Struct, omit_defaults=True, tag="step", tag_field="is", gc=False):
    """A step of ``run``. A body is the object or list that it was in JSON, or a text in quotes."""

    run: TraceRun
    done: StepFacts
    request: msgspec.Raw = NOTHING
    response: msgspec.Raw = NOTHING

    @classmethod
    def of(cls, run: TraceRun, step: TracedStep) -> Self:
        """The line of ``step``."""
        request = _spooled(step.request, is_json=_is_json(step.request))
        is_json = step.answered and (not has_surrogates(step.response) or _is_json(step.response))
        return cls(run, step.done, request, _spooled(step.response, is_json=is_json))

    @property
    def step(self) -> TracedStep:
        """The step that the line was made of."""
        return TracedStep(self.done, _body(self.request), _body(self.response), answered=False)


def _spooled(body: bytes, *, is_json: bool) -> msgspec.Raw:
    """``body`` as it came where it is JSON: to put it in quotes takes ten times as long."""
    if not body:
        return NOTHING
    if is_json and body.lstrip().startswith((b"{", b"[")) and _is_text(body):
        return msgspec.Raw(body)
    return msgspec.Raw(_encode(body.decode("utf-8", "replace")))


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except DECODE_ERRORS:
        return False
    return True


def _is_text(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _body(raw: msgspec.Raw) -> bytes:
    body = bytes(raw)
    if body == bytes(NOTHING):
        return b""
    return msgspec.json.decode(body, type=str).encode() if body.startswith(QUOTE) else body
