"""A proxy between a master and its workers that loses, doubles, delays and spoils what they say."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Self

import gevent
import zmq.green as zmq
from free_ports import free_port
from zmq.error import ZMQError

KINDS = ("lost", "doubled", "late", "garbage", "cut")
LATE_S = 1.5


class MessageProxy:
    """Workers connect to ``port`` as if it were the master's. Use as a context.

    ``share`` of the messages in either direction meet a fault while it is above 0; ``met`` counts
    them. Messages of Locust's own are among them.
    """

    def __init__(self, master_port: int, chance: Random) -> None:
        self.share = 0.0
        self.met: Counter[str] = Counter()
        self._chance = chance
        self._master = f"tcp://127.0.0.1:{master_port}"
        self._context = zmq.Context()
        self._front = self._socket(zmq.ROUTER)
        self.port = free_port()
        self._front.bind(f"tcp://127.0.0.1:{self.port}")
        self._backs: dict[bytes, zmq.Socket] = {}
        self._greenlets = [gevent.spawn(self._from_workers)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        gevent.killall(self._greenlets)
        for socket in (self._front, *self._backs.values()):
            socket.close(linger=0)
        self._context.term()

    def _socket(self, kind: int) -> zmq.Socket:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        return socket

    def _from_workers(self) -> None:
        while True:
            name, *frames = self._front.recv_multipart()
            if name not in self._backs:
                self._backs[name] = back = self._socket(zmq.DEALER)
                back.setsockopt(zmq.IDENTITY, name)
                back.connect(self._master)
                self._greenlets.append(gevent.spawn(self._from_master, name, back))
            self._pass_on(self._backs[name].send_multipart, frames)

    def _from_master(self, name: bytes, back: zmq.Socket) -> None:
        while True:
            frames = back.recv_multipart()
            self._pass_on(self._front.send_multipart, frames, name)

    def _pass_on(self, send, frames: list[bytes], *before: bytes) -> None:
        kind = "" if self._chance.random() >= self.share else self._chance.choice(KINDS)
        self.met[kind] += 1
        match kind:
            case "lost":
                return
            case "garbage":
                frames = [*frames[:-1], self._chance.randbytes(len(frames[-1]))]
            case "cut":
                frames = [*frames[:-1], frames[-1][: self._chance.randrange(len(frames[-1]) + 1)]]
            case "late":
                late = gevent.spawn_later(
                    self._chance.uniform(0, LATE_S), self._send, send, [*before, *frames]
                )
                self._greenlets.append(late)
                return
            case "doubled":
                self._send(send, [*before, *frames])
        self._send(send, [*before, *frames])

    def _send(self, send, frames: list[bytes]) -> None:
        try:
            send(frames)
        except ZMQError:
            self.met["no receiver"] += 1
