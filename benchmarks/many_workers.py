"""Many real workers in one process: ``python -m benchmarks.many_workers HOW_MANY PORT``.

Each has an environment, a runner and a part of the run of its own, as in a process of its own; what
they share is the interpreter. It serves to load a master with more workers than a machine can run.
"""

from __future__ import annotations

import sys
from typing import Any

import gevent
from locust.env import Environment
from locust.event import Events
from locust.runners import WorkerRunner

from mcstress import locust_compat
from mcstress.commands.check import parse
from mcstress.lifecycle import Lifecycle
from mcstress.process.file_limit import raise_nofile_limit
from mcstress.users.persona import AliceUser, BobUser, CarolUser

STARTED_A_SECOND = 100


def main(how_many: int, port: int) -> None:
    """Start them, and stay until the master tells all to quit."""
    raise_nofile_limit()
    locust_compat.install()
    runners = []
    for _ in range(how_many):
        runners.append(_worker(port))
        gevent.sleep(1 / STARTED_A_SECOND)
    gevent.joinall([greenlet for runner in runners for greenlet in runner.greenlet])


def _worker(port: int) -> WorkerRunner:
    kinds: Any = [AliceUser, BobUser, CarolUser]
    options = parse(["--worker", "--master-port", str(port)])
    environment = Environment(user_classes=kinds, events=Events(), parsed_options=options)
    runner = environment.create_worker_runner("127.0.0.1", port)
    Lifecycle(environment, runner)
    return runner


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
