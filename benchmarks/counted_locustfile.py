"""The usual personas under a master that writes down each second what its workers cost it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import gevent
import psutil
from locust import events
from locust.rpc import zmqrpc
from locust.runners import MasterRunner, Runner

from mcstress import AliceUser, BobUser, CarolUser, install

__all__ = ["AliceUser", "BobUser", "CarolUser"]

LOOK_S = 0.5

install()
came = {"messages": 0, "bytes": 0}


@events.init.add_listener
def count(runner: Runner, **_: Any) -> None:
    """A line of JSON for each look: time and CPU (s), resident MB, users, messages and bytes in."""
    if not isinstance(runner, MasterRunner):
        return
    # What install() put there; each message passes it once.
    server: Any = zmqrpc.Server
    read = server.recv_from_client

    def recv_from_client(self: Any) -> Any:
        told = read(self)
        came["messages"] += 1
        came["bytes"] += len(told[1].serialize())
        return told

    if "COUNT_BYTES" in os.environ:
        server.recv_from_client = recv_from_client
    gevent.spawn(_write, runner, Path(os.environ["LOOKS"]))


def _write(runner: MasterRunner, path: Path) -> None:
    process = psutil.Process()
    with path.open("a", buffering=1) as lines:
        while True:
            used = process.cpu_times()
            look = {
                "time_s": time.monotonic(),
                "cpu_s": used.user + used.system,
                "rss_mb": process.memory_info().rss / 1e6,
                "users": runner.user_count,
                "requests": runner.stats.total.num_requests,
                **came,
            }
            print(json.dumps(look), file=lines)
            gevent.sleep(LOOK_S)
