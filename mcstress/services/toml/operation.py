"""An operation of a target's file, compiled once: its request, sent, and what the pointers find."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from mcstress.errors import TransportError
from mcstress.services.error_words import error_member, without_lone_surrogates
from mcstress.services.failure_reason import (
    DECODE_ERRORS,
    SUCCESS,
    clip,
    decode_fault,
    said_fault,
    status_fault,
)
from mcstress.services.http.request_head import JSON
from mcstress.services.http.transport import Reply
from mcstress.services.steady_clock import CLOCK
from mcstress.services.step import Step, leave_cut
from mcstress.services.toml.columns import Columns
from mcstress.services.toml.pointer import Pointer, PointerError
from mcstress.services.toml.service import Connections, Outgoing
from mcstress.services.toml.target_file import METHODS, FileError, RequestTable
from mcstress.services.toml.template import (
    PairsTemplate,
    PathTemplate,
    Template,
    TemplateError,
    Values,
)
from mcstress.services.trace_context import TraceContext, new_span_id

Answer = TypeVar("Answer")
Read = Callable[[bytes], Answer]

NDJSON = "application/x-ndjson"
FORM = "application/x-www-form-urlencoded"
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Operation:
    """One request of the file; ``name`` is its table's, ``needs`` are the placeholders in it.

    FileError where the table is wrong.
    """

    def __init__(self, place: str, table: RequestTable) -> None:
        self.name = place.rpartition(": ")[2]
        method = table.method()
        if method is None:
            given = " and ".join(name for name in METHODS if getattr(table, name) is not None)
            raise FileError(
                f"{place}: found {given or 'no request'}, expected one of {', '.join(METHODS)}"
            )
        self.method, path = method[0].upper(), method[1]
        if not path.startswith("/") and path:
            raise FileError(f'{place}.{method[0]}: found "{path}", expected a path, from a /')
        bodies = [key for key in ("body", "lines", "form") if getattr(table, key) is not None]
        if len(bodies) > 1:
            raise FileError(f"{place}: found {' and '.join(bodies)}, expected one of them")
        self.service = table.service
        self._ok = frozenset(table.ok)
        try:
            self._path = PathTemplate(path, table.query, f"{place}.{method[0]}")
            self._body = None if table.body is None else Template(table.body, f"{place}.body")
            self._lines = [Template(one, f"{place}.lines") for one in table.lines or ()]
            self._form = None if table.form is None else PairsTemplate(table.form, f"{place}.form")
        except TemplateError as error:
            raise FileError(str(error)) from None
        self.path_needs = frozenset(self._path.needs)
        self._content_type = NDJSON if self._lines else JSON if self._form is None else FORM
        self._is_fixed_post = (
            self.method == "POST" and self._content_type == JSON and not self._path.needs
        )
        self.needs = frozenset(self._path.needs).union(
            *(one.needs for one in (self._body, self._form, *self._lines) if one is not None)
        )

    def outgoing(self, values: Values) -> Outgoing:
        """The request with ``values`` in it."""
        return Outgoing(
            self.method,
            self._path.filled(values),
            self._filled(values),
            self._content_type,
            self._is_fixed_post,
        )

    def _filled(self, values: Values) -> bytes | None:
        if self._body is not None:
            return self._body.encoded(values)
        if self._form is not None:
            return self._form.filled(values).encode()
        if self._lines:
            return b"".join(line + b"\n" for one in self._lines for line in one.lines(values))
        return None if self.method in ("GET", "DELETE") else b""

    def send(
        self,
        connections: Connections,
        values: Values,
        trace: TraceContext | None = None,
        *,
        read: Read[Answer] | None = None,
        name: str = "",
    ) -> Step[Answer]:
        """The step of the request. What is wrong with the answer is its ``error``.

        Without ``read`` any answer is fine that does not say that it is an error. A status of
        ``ok`` is no error, and has no answer.
        """
        return self.send_out(connections, self.outgoing(values), trace, read=read, name=name)

    def together(self, of_each: Sequence[Values], columns: Columns | None) -> Outgoing:
        """One request of several things: their columns joined, the rest as the first has it."""
        out = self.outgoing(of_each[0])
        if columns is not None and self._body is not None:
            out.body = _encode(columns.joined([self._body.value(one) for one in of_each]))
        return out

    def send_out(
        self,
        connections: Connections,
        out: Outgoing,
        trace: TraceContext | None = None,
        *,
        read: Read[Answer] | None = None,
        name: str = "",
    ) -> Step[Answer]:
        """The same of a request that is filled in."""
        span_id = new_span_id()
        traceparent = trace.traceparent(span_id) if trace else None
        url = connections.base_url + out.path
        step: Step[Answer] = Step(name or self.name, 0.0, 0.0, span_id, url, out.body or b"")
        step.method = out.method
        begin = time.perf_counter()
        step.start_s = CLOCK.anchor_s + begin
        try:
            reply = connections.send(out, traceparent)
        except TransportError as fault:
            step.latency_ms = (time.perf_counter() - begin) * 1000
            step.error = str(fault)
            return step
        except BaseException as end:
            step.latency_ms = (time.perf_counter() - begin) * 1000
            leave_cut(end, step)
            raise
        step.latency_ms = (time.perf_counter() - begin) * 1000
        step.response, step.status, step.resent = reply.body, reply.status, reply.resent
        step.answer, step.error = self._answer(reply, read)
        return step

    def _answer(self, reply: Reply, read: Read[Answer] | None) -> tuple[Answer | None, str | None]:
        """The answer in ``reply``, or the reason that it is none; neither where nothing is read."""
        if reply.status not in SUCCESS:
            return None, None if reply.status in self._ok else status_fault(reply)
        if read is None:
            words = error_member(reply.body)
            return None, words and said_fault(reply, words)
        try:
            return read(reply.body), None
        except PointerError as fault:
            words = error_member(reply.body)
            return None, f"{fault} (error: {clip(words)})" if words else str(fault)
        except DECODE_ERRORS as error:
            return None, decode_fault(reply, error)


def document(body: bytes) -> Any:
    """A JSON body; raises one of ``DECODE_ERRORS``."""
    try:
        return _decode(body)
    except msgspec.DecodeError:
        whole = without_lone_surrogates(body)
        if whole == body:
            raise
        return _decode(whole)


def pointer_of(place: str, text: str | None) -> Pointer | None:
    """``text`` as a pointer; FileError, with the ``place`` in the file, where it is none."""
    if text is None:
        return None
    try:
        return Pointer(text)
    except PointerError as error:
        raise FileError(f"{place}: {error}") from None
