"""A line of the spool that is a step: no work is done on it before it is replayed."""

from __future__ import annotations

from typing import Self

import msgspec

from tracing.body import text_of
from tracing.trace import TraceRun
from tracing.traced_step import Done, TracedStep

NOTHING = msgspec.Raw(b"null")
QUOTE = b'"'
_encode = msgspec.json.Encoder().encode


class SpooledStep(msgspec.Struct, omit_defaults=True, tag="step", tag_field="is", gc=False):
    """A step of ``run``. A body is the JSON that it was, or a text in quotes."""

    run: TraceRun
    done: Done
    request: msgspec.Raw = NOTHING
    response: msgspec.Raw = NOTHING

    @classmethod
    def of(cls, run: TraceRun, step: TracedStep, body_bytes: int) -> Self:
        """The line of ``step``; so much is kept of a body."""
        request = _spooled(step.request, body_bytes, is_json=True)
        response = _spooled(step.response, body_bytes, is_json=step.answered)
        return cls(run, step.done, request, response)

    @property
    def step(self) -> TracedStep:
        """The step that the line was made of; of its bodies what was kept."""
        return TracedStep(self.done, _body(self.request), _body(self.response), answered=False)


def _spooled(body: bytes, body_bytes: int, *, is_json: bool) -> msgspec.Raw:
    """``body`` as it came where it is JSON: to put it in quotes takes ten times as long."""
    if not body:
        return NOTHING
    if is_json and len(body) <= body_bytes and not body.startswith(QUOTE) and _is_text(body):
        return msgspec.Raw(body)
    return msgspec.Raw(_encode(text_of(body, body_bytes)))


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
