"""The channel: carries messages between master and workers over a Locust runner."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import gevent
import msgspec
from gevent.lock import RLock
from locust.exception import RPCSendError
from locust.runners import LocalRunner, MasterRunner, Runner, WorkerRunner

from mcstress.cluster.key import MASTER, ClusterKey, KeyFaultError
from mcstress.locust_compat import client_ids

SOON_S = 0.02
BUNDLE = "mcstress.Bundle"
NOT_OURS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises where content is no message: no msgpack, other types, nested too deep."""

AnyMessage = TypeVar("AnyMessage", bound=msgspec.Struct)
Handler = Callable[[AnyMessage, str], None]
Bundle = list[tuple[str, bytes]]
"""Messages by their kind, in the order in which they were sent."""

_bundle_decoder = msgspec.msgpack.Decoder(Bundle)

logger = logging.getLogger(__name__)


class Channel:
    """Sends and receives the messages of ``cluster.messages``, in order for one receiver.

    A message of Locust's costs 30 µs at either end. Those that can wait for a moment, which nobody
    sees in rounds that take far longer, travel in a bundle; whatever is sent after them stays
    behind them. What cannot be sent is tried again before the next message, whose sender hears of
    it then. On a local runner nothing travels: the listener is called in place, with the message
    itself.

    What cannot be read is dropped: ``on_unreadable`` hears of it (kind, sender, what is wrong), or
    ``on_key_fault`` where it is not signed as it should be (sender, what is wrong).
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._in_place = isinstance(runner, LocalRunner)
        self._waiting: dict[str | None, Bundle] = {}
        self._sending: defaultdict[str | None, RLock] = defaultdict(RLock)
        self._read: dict[str, Callable[[bytes, str], None]] = {}
        own_name = runner.client_id if isinstance(runner, WorkerRunner) else MASTER
        self._is_master = isinstance(runner, MasterRunner)
        self._key = ClusterKey.of_environment(own_name)
        self.on_unreadable: Callable[[str, str, str], None] = _log_unreadable
        self.on_key_fault: Callable[[str, KeyFaultError], None] = _log_key_fault
        runner.register_message(BUNDLE, self._on_bundle)

    def send(self, message: msgspec.Struct, to: str | None = None) -> None:
        """Send; ``to`` names a worker, None is every worker or the master."""
        kind = kind_of(type(message))
        if self._in_place:
            self._runner.send_message(kind, message, to)
            return
        for receiver in list(self._waiting) if to is None else [to]:
            self._send_bundle(receiver)
        self._send(kind, msgspec.msgpack.encode(message), to)

    def send_soon(self, message: msgspec.Struct, to: str | None = None) -> None:
        """Send within a few ms, together with others that come meanwhile."""
        if self._in_place:
            self.send(message, to)
            return
        bundle = self._waiting.get(to)
        if bundle is None:
            bundle = self._waiting[to] = []
            gevent.spawn_later(SOON_S, self._send_bundle_now, to)
        bundle.append((kind_of(type(message)), msgspec.msgpack.encode(message)))

    def listen(
        self, kind: type[AnyMessage], handler: Handler[AnyMessage], *, concurrent: bool = False
    ) -> None:
        """Call ``handler(message, sender)``. One that is not concurrent must never wait."""
        decoder, name = msgspec.msgpack.Decoder(kind), kind_of(kind)

        def read(content: bytes, sender: str) -> None:
            try:
                message = decoder.decode(content)
            except NOT_OURS as fault:
                self.on_unreadable(name, sender, str(fault))
                return
            if concurrent:
                gevent.spawn(handler, message, sender)
            else:
                handler(message, sender)

        def on_message(environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG001  (Locust's)
            if self._in_place:
                handler(msg.data, msg.node_id)
            elif (content := self._opened(name, msg)) is not None:
                read(content, msg.node_id)

        self._read[name] = read
        # Not Locust's way to be concurrent: signatures are checked in the order of arrival.
        self._runner.register_message(name, on_message)

    def _send(self, kind: str, content: bytes, to: str | None) -> None:
        """Send to one, or to all: each has a signature of its own, where there are any."""
        runner, receivers = self._runner, [to]
        if to is None and self._key and isinstance(runner, MasterRunner):
            receivers = [*client_ids(runner)]
        for receiver in receivers:
            with self._sending[receiver]:
                sealed = self._key.seal(kind, receiver or MASTER, content)
                runner.send_message(kind, sealed, receiver)

    def _opened(self, kind: str, msg: Any) -> bytes | None:
        """What a message holds; None where it was dropped."""
        if not isinstance(msg.data, bytes):
            self.on_unreadable(kind, msg.node_id, f"found {type(msg.data).__name__}, not bytes")
            return None
        try:
            return self._key.open(kind, msg.node_id if self._is_master else MASTER, msg.data)
        except KeyFaultError as fault:
            self.on_key_fault(msg.node_id, fault)
            return None

    def _send_bundle(self, to: str | None) -> None:
        """Send what waits for a receiver; nothing where something else took it along.

        One at a time: Locust tries for seconds where a connection is stuck, and nobody may
        overtake meanwhile.
        """
        with self._sending[to]:
            bundle = self._waiting.pop(to, None)
            if not bundle:
                return
            try:
                self._send(BUNDLE, msgspec.msgpack.encode(bundle), to)
            except RPCSendError:
                self._waiting[to] = bundle + self._waiting.get(to, [])
                raise

    def _send_bundle_now(self, to: str | None) -> None:
        with suppress(RPCSendError):  # it stays where it is: whoever sends next hears of it
            self._send_bundle(to)

    def _on_bundle(self, environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG002  (Locust's)
        sealed = self._opened(BUNDLE, msg)
        if sealed is None:
            return
        try:
            bundle = _bundle_decoder.decode(sealed)
        except NOT_OURS as fault:
            self.on_unreadable(BUNDLE, msg.node_id, str(fault))
            return
        faults: list[Exception] = []
        for kind, content in bundle:
            if kind not in self._read:
                self.on_unreadable(BUNDLE, msg.node_id, f"found an unknown kind {kind!r}")
                continue
            try:
                self._read[kind](content, msg.node_id)
            except Exception as fault:  # noqa: BLE001  (one message's fault is not the others')
                faults.append(fault)
        if faults:
            raise faults[-1]  # Locust logs it


def _log_unreadable(kind: str, sender: str, fault: str) -> None:
    logger.warning("dropped a %s from %s: %s", kind, sender, fault)


def _log_key_fault(sender: str, fault: KeyFaultError) -> None:
    logger.warning("dropped a message: %s %s", sender, fault)


def kind_of(message: type[msgspec.Struct]) -> str:
    """What Locust calls a kind of message."""
    return f"mcstress.{message.__name__}"
