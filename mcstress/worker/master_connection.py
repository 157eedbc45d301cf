"""Whether a worker's master is there: its connection stands, and it is heard."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import gevent
import zmq.green as zmq
from gevent.event import Event as Signal
from locust.runners import WorkerRunner
from zmq.utils.monitor import recv_monitor_message

from mcstress.locust_compat import has_ended, last_heartbeat, socket_of

EVENTS = zmq.EVENT_CONNECTED | zmq.EVENT_DISCONNECTED | zmq.EVENT_MONITOR_STOPPED
LOOK_S, LOOKS = 0.1, 10
"""libzmq tries to connect again every 0.1 s: a master that is not back within a second has ended,
or is out of reach. Looks are counted, not time: who was frozen has news to read first."""
MISSED_S = 1.0
"""A green socket that libzmq did not wake, or gevent did not, looks by itself after so long; else
after 11.6 s, in which a lost master would not be noticed."""
SILENT_S = 15.0
"""A master answers the heartbeat of every second; one that is so long silent is gone."""

_numbers = itertools.count()


class MasterConnection:
    """Knows from the operating system, by libzmq, whether the connection stands.

    It knows at once that it was closed, which silence tells only after seconds. The system closes
    the connections of a process that has ended, and keeps those of one that is starved or stopped:
    of that, ``MasterHeartbeat`` knows. ``on_lost`` is called each time that the connection was
    closed and did not come back soon.
    """

    def __init__(self, runner: WorkerRunner, on_lost: Callable[[], None]) -> None:
        self._runner = runner
        self._on_lost = on_lost
        self._up, self._down = Signal(), Signal()
        self._up.set()
        self.is_lost = False
        # At once: of a master that ended before libzmq was asked, it would tell nothing.
        listening = gevent.spawn(self._listen, *self._watched())
        judging = gevent.spawn(self._judge)
        self._greenlets: list[gevent.Greenlet[..., None]] = [listening, judging]

    def close(self) -> None:
        """Watch no more."""
        gevent.killall(self._greenlets)

    def _watched(self) -> tuple[Any, Any]:
        """Locust's socket, and the one on which libzmq tells of it."""
        socket = socket_of(self._runner)
        # pyzmq names it by the descriptor, which may be one again before libzmq has let go of it.
        monitor = socket.get_monitor_socket(EVENTS, f"inproc://master-connection-{next(_numbers)}")
        monitor._gevent_bug_timeout = MISSED_S  # noqa: SLF001  (pyzmq has no other way)
        return socket, monitor

    def _listen(self, socket: Any, monitor: Any) -> None:
        """Note what libzmq tells of the socket; Locust may take a new one at any time."""
        while True:
            while (event := recv_monitor_message(monitor)["event"]) != zmq.EVENT_MONITOR_STOPPED:
                is_up = event == zmq.EVENT_CONNECTED
                now, before = (self._up, self._down) if is_up else (self._down, self._up)
                before.clear()
                now.set()
            monitor.close(linger=0)
            while socket_of(self._runner) is socket:
                gevent.sleep(LOOK_S)
            socket, monitor = self._watched()

    def _judge(self) -> None:
        while True:
            self._down.wait()
            if not any(self._up.wait(LOOK_S) for _ in range(LOOKS)):
                self.is_lost = True
                self._on_lost()
                self._up.wait()
                self.is_lost = False


class MasterHeartbeat:
    """Looks at Locust's heartbeats, now and then, and adds up for how long none came.

    It trusts no clock: a worker that was frozen itself has heard nothing either.
    """

    def __init__(self, runner: WorkerRunner) -> None:
        self._runner = runner
        self._last: float | None = None
        self._silent_s = 0.0

    def is_lost(self, since_s: float) -> bool:
        """Whether the master is gone; ``since_s`` is the time since the last look."""
        heard = last_heartbeat(self._runner)
        self._silent_s = 0.0 if heard != self._last else self._silent_s + since_s
        self._last = heard
        return has_ended(self._runner) or self._silent_s >= SILENT_S
