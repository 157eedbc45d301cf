"""Whoever can reach a master's port, and says whatever it likes there."""

from __future__ import annotations

import time

import gevent
import msgspec
import zmq.green as zmq
from locust import __version__
from locust.rpc import Message

from mcstress.cluster.channel import kind_of


class Stranger:
    """A client of a master in this process. Use as a context."""

    def __init__(self, port, name="stranger"):
        self.name = name
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, name.encode())
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(f"tcp://127.0.0.1:{port}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()
        self._context.term()

    def send(self, *frames):
        """Send raw frames."""
        self._socket.send_multipart(frames)

    def say(self, kind, data, node=None):
        """Send one of Locust's messages, in the name of ``node``."""
        self.send(Message(kind, data, node or self.name).serialize())

    def tell(self, message, node=None):
        """Send one of ours."""
        self.say(kind_of(type(message)), msgspec.msgpack.encode(message), node)

    def join(self, master):
        """Be a worker to Locust."""
        self.say("client_ready", __version__)
        until(lambda: self.name in master.clients)

    def hears(self, kind):
        """The data of the next message of a kind."""
        while True:
            with gevent.Timeout(60):
                message = Message.unserialize(self._socket.recv())
            if message.type == kind:
                return message.data


def until(condition):
    """Wait until the condition is true."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        gevent.sleep(0.01)
