"""The master's port: only what a worker could have sent reaches Locust and us."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from locust.rpc import Message
from locust.runners import STATE_INIT, MasterRunner

from mcstress.cluster.dropped import Dropped
from mcstress.locust_compat import (
    UNREADABLE,
    forget_client,
    has_an_index,
    is_registered,
    replace_message_handler,
)

NEWCOMERS_MAY_SAY = ("client_ready", "locustfile")
LONGEST_ID = 320
"""A host's name has at most 253 characters; Locust adds 33."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Number = Annotated[float, msgspec.Meta(ge=0, le=2.0**53)]
CountsByName = dict[str, Count]
NotEmptyText = Annotated[str, msgspec.Meta(min_length=1)]

logger = logging.getLogger(__name__)


class _Heartbeat(msgspec.Struct):
    state: Literal["ready", "spawning", "running", "cleanup", "stopping", "stopped", "missing"]
    current_cpu_usage: Number
    current_memory_usage: Number = 0


class _Entry(msgspec.Struct):
    name: str
    method: str | None
    last_request_timestamp: Number | None
    start_time: Number
    num_requests: Count
    num_none_requests: Count
    num_failures: Count
    total_response_time: Number
    max_response_time: Number
    min_response_time: Number | None
    total_content_length: Count
    response_times: dict[Number, Count]
    num_reqs_per_sec: dict[int, Count]
    num_fail_per_sec: dict[int, Count]


class _Error(msgspec.Struct):
    name: str
    method: str | None
    error: str
    occurrences: Count
    first_seen: Number | None = None
    last_seen: Number | None = None


class _Stats(msgspec.Struct):
    stats: list[_Entry]
    stats_total: _Entry
    errors: dict[str, _Error]
    user_classes_count: CountsByName
    user_count: Count


class _Spawned(msgspec.Struct):
    user_classes_count: CountsByName
    user_count: Count


class _Exception(msgspec.Struct):
    msg: str
    traceback: str


class _Logs(msgspec.Struct):
    worker_id: str
    logs: list[str]


class _Locustfile(msgspec.Struct):
    version: NotEmptyText


SHAPES: dict[str, Any] = {
    "client_ready": NotEmptyText | Literal[-1],
    "locustfile": _Locustfile,
    "heartbeat": _Heartbeat,
    "stats": _Stats,
    "spawning": Any,
    "spawning_complete": _Spawned,
    "client_stopped": Any,
    "exception": _Exception,
    "logs": _Logs,
    "quit": Any,
}
"""What Locust 2.47 takes from a worker. It reads it unchecked, in the loop that receives."""


class PortGuard:
    """Stands before a master runner's ``handle_message``."""

    def __init__(self, runner: MasterRunner, dropped: Dropped) -> None:
        self._runner = runner
        self._dropped = dropped
        self._handle = replace_message_handler(runner, self.handle)
        self.turned_away: set[str] = set()
        """Workers that were refused: what they say on their way out is nobody's business."""
        self.on_ready: Callable[[str, str], None] | None = None
        """Hears of a worker that has connected: Locust's name for it, and its Locust's version."""

    def handle(self, client_id: str, msg: Message) -> None:
        """Pass the message on, or drop it."""
        if client_id in self.turned_away:
            return
        if reason := self._fault(client_id, msg):
            self._dropped.note(reason, client_id, msg.type)
            return
        if msg.type == "quit" and self._runner.state == STATE_INIT:
            # Of the last worker Locust would end its message loop, and go on waiting for others.
            forget_client(self._runner, client_id)
            logger.info("worker %s quit before the test", client_id)
            return
        try:
            self._handle(client_id, msg)
            if msg.type == "client_ready" and self.on_ready is not None:
                self.on_ready(client_id, str(msg.data))
        except Exception as fault:
            # The border: whatever was sent ends no loop. It is counted.
            logger.debug("Locust could not handle a message", exc_info=True)
            detail = f"{msg.type}: {type(fault).__name__}: {fault}"
            self._dropped.note("that Locust could not handle", client_id, detail)

    def _fault(self, client_id: str, message: Message) -> str | None:
        kind = message.type
        if kind == UNREADABLE:
            return str(message.data)
        if message.node_id != client_id:
            return "in another worker's name"
        if not isinstance(kind, str) or not self._is_known(kind):
            return "of an unknown kind"
        if not client_id.isprintable() or len(client_id) > LONGEST_ID:
            return "of a client whose name is none"
        if not has_an_index(self._runner, client_id) and kind not in NEWCOMERS_MAY_SAY:
            return "of a client that is no worker"
        return _misshapen(client_id, kind, message.data)

    def _is_known(self, kind: str) -> bool:
        return kind in SHAPES or is_registered(self._runner, kind)


def _misshapen(client_id: str, kind: str, data: Any) -> str | None:
    """What is wrong with the data of one of Locust's own messages."""
    if kind not in SHAPES:
        return None
    try:
        told = msgspec.convert(data, SHAPES[kind])
    except msgspec.ValidationError:
        return f"of Locust's kind {kind} with data that it never has"
    if isinstance(told, _Logs) and told.worker_id != client_id:
        return "in another worker's name"
    return None
