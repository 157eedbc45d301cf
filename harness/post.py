"""The post: carries messages between master and workers over a Locust runner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any, TypeVar

import gevent
import msgspec
from gevent.lock import RLock
from locust.exception import RPCSendError
from locust.runners import LocalRunner, Runner

SOON_S = 0.02
BUNDLE = "mcstress.Bundle"

Said = TypeVar("Said", bound=msgspec.Struct)
Handler = Callable[[Said, str], None]
Bundle = list[tuple[str, bytes]]
"""Messages by their kind, in the order in which they were sent."""

_bundle_decoder = msgspec.msgpack.Decoder(Bundle)


class Post:
    """Sends and receives the messages of ``harness.messages``, in order for one receiver.

    A message of Locust's costs 30 µs at either end. Those that can wait for a moment, which nobody
    sees in rounds that take far longer, travel in a bundle; whatever is sent after them stays
    behind them. What cannot be sent is tried again before the next message, whose sender hears of
    it then. On a local runner nothing travels: the listener is called in place, with the message
    itself.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._in_place = isinstance(runner, LocalRunner)
        self._waiting: dict[str | None, Bundle] = {}
        self._sending: defaultdict[str | None, RLock] = defaultdict(RLock)
        self._read: dict[str, Callable[[bytes, str], None]] = {}
        runner.register_message(BUNDLE, self._on_bundle)

    def send(self, message: msgspec.Struct, to: str | None = None) -> None:
        """Send; ``to`` names a worker, None is every worker or the master."""
        kind = kind_of(type(message))
        if self._in_place:
            self._runner.send_message(kind, message, to)
            return
        for receiver in list(self._waiting) if to is None else [to]:
            self._send_bundle(receiver)
        with self._sending[to]:
            self._runner.send_message(kind, msgspec.msgpack.encode(message), to)

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

    def listen(self, kind: type[Said], handler: Handler[Said], *, concurrent: bool = False) -> None:
        """Call ``handler(message, sender)``. One that is not concurrent must never wait."""
        decoder = msgspec.msgpack.Decoder(kind)

        def on_message(environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG001  (Locust's)
            message = msg.data if isinstance(msg.data, kind) else decoder.decode(msg.data)
            handler(message, msg.node_id)

        self._read[kind_of(kind)] = lambda content, sender: handler(decoder.decode(content), sender)
        self._runner.register_message(kind_of(kind), on_message, concurrent)

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
                self._runner.send_message(BUNDLE, msgspec.msgpack.encode(bundle), to)
            except RPCSendError:
                self._waiting[to] = bundle + self._waiting.get(to, [])
                raise

    def _send_bundle_now(self, to: str | None) -> None:
        with suppress(RPCSendError):  # it stays where it is: whoever sends next hears of it
            self._send_bundle(to)

    def _on_bundle(self, environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG002  (Locust's)
        # One message's fault is not the others': all are read, and then Locust hears of it.
        with ExitStack() as reading:
            for kind, content in reversed(_bundle_decoder.decode(msg.data)):
                reading.callback(self._read[kind], content, msg.node_id)


def kind_of(message: type[msgspec.Struct]) -> str:
    """What Locust calls a kind of message."""
    return f"mcstress.{message.__name__}"
