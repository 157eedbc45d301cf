"""What touches Locust's private parts on the way between master and workers. Read in Locust 2.47.0.

Each of these stands here with the reason, so that a new Locust can be looked at in one place.
"""

from __future__ import annotations

import functools

import zmq
from locust import argument_parser
from locust.exception import RPCError
from locust.rpc import Message, zmqrpc

UNREADABLE = "mcstress.Unreadable"
"""The type of the message that stands for one that could not be read; its data is the reason."""
LARGEST_MESSAGE_BYTES = 32 << 20
LARGEST_READ_BYTES = 128 << 20
"""Of a message that is larger not even the bytes are taken in: its connection is closed."""
FRAMES = 2
"""Sender and content: what every message of Locust's consists of when it reaches the master."""


def install() -> None:
    """Called once, before any runner is made; twice is once."""
    _build_the_parser_once()
    zmqrpc.Server = GuardedServer  # type: ignore[misc]  # runners.py makes its server by this name


def _build_the_parser_once() -> None:
    """Locust's own options do not change while it runs.

    ``WorkerRunner.handle_message`` asks for them once per option of each spawn message, and each
    time a whole parser is built: 0.1 s of CPU for every second of a ramp, in which no answer is
    read. Nobody changes the dict that it returns.
    """
    if not hasattr(argument_parser.default_args_dict, "cache_clear"):
        argument_parser.default_args_dict = functools.cache(argument_parser.default_args_dict)


class GuardedServer(zmqrpc.Server):
    """The master's end of all connections; whatever arrives, receiving goes on.

    An empty frame, or one that is no msgpack, raises in Locust's ``recv_from_client`` what its
    ``client_listener`` does not expect: that loop ends, and with it the run. Here such a message
    is received as one of type ``UNREADABLE``.
    """

    def __init__(self, host: str, port: int) -> None:
        # As in Locust's Server, whose socket is bound before anybody can set an option of it.
        zmqrpc.BaseSocket.__init__(self, zmq.ROUTER, self.ipv4_only(host, port))
        self.socket.setsockopt(zmq.MAXMSGSIZE, LARGEST_READ_BYTES)
        if port == 0:
            self.port = self.socket.bind_to_random_port(f"tcp://{host}")
            return
        try:
            self.socket.bind(f"tcp://{host}:{port}")
        except zmq.ZMQError as fault:
            raise RPCError(f"Socket bind failure: {fault}") from fault
        self.port = port

    def recv_from_client(self) -> tuple[str, Message]:
        """The sender and its message."""
        try:
            frames: list[bytes] = self.socket.recv_multipart()
        except zmq.ZMQError as fault:
            raise RPCError("ZMQ network broken") from fault
        sender = frames[0].decode(errors="backslashreplace")
        return sender, _read(frames, sender)


def _read(frames: list[bytes], sender: str) -> Message:
    if len(frames) != FRAMES:
        return Message(UNREADABLE, "in more or fewer parts than a message has", sender)
    if len(frames[1]) > LARGEST_MESSAGE_BYTES:
        return Message(UNREADABLE, f"larger than {LARGEST_MESSAGE_BYTES >> 20} MiB", sender)
    try:
        message: Message = Message.unserialize(frames[1])
    except Exception:  # noqa: BLE001  (the border to whoever can reach the port; it is counted)
        return Message(UNREADABLE, "that cannot be read", sender)
    return message
