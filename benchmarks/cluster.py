"""What workers cost their master: CPU and memory a worker and an event, bytes an event.

``python -m benchmarks.cluster WORKERS USERS THINK SECONDS`` prints one run's figures.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np

from benchmarks.locust_load import CHECKOUT, fixed_services
from benchmarks.row import Row

LOCUSTFILE = CHECKOUT / "benchmarks" / "counted_locustfile.py"
PER_PROCESS = 100
"""So many workers share a process (many_workers.py)."""
SETTLED_S = 5.0
"""After the last user has come, until the looks count."""
STARTING_S = 300.0
SIZES = (8, 32, 100)
SECONDS = 20
FEW, MANY = 3, 30
"""Users a worker: few events, and ten times as many."""


class Cost(msgspec.Struct, frozen=True):
    """Of one master, over the time in which all users were there."""

    workers: int
    requests_per_s: float
    core: float
    """CPU seconds a second."""
    rss_mb: float
    messages_per_s: float
    bytes_per_s: float


def cost(workers: int, users: int, think: str, seconds: int, *, bytes_too: bool = False) -> Cost:
    """A run of ``workers`` with ``users`` each, on services that cost next to nothing."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        url = stack.enter_context(fixed_services())
        looks = folder / "looks.jsonl"
        environment = {k: v for k, v in os.environ.items() if "LANGFUSE" not in k}
        environment |= {"LOOKS": str(looks)} | ({"COUNT_BYTES": "1"} if bytes_too else {})
        load = ["-u", workers * users, "-r", 100, "-t", f"{seconds + SETTLED_S:.0f}s"]
        where = ["--host", url, "--llm-host", url, "--report-dir", folder, "--evidence", "none"]
        how = ["--think-time", think, "--langfuse-env", folder / "none", "--stop-timeout", 5]
        ports = ["--master-bind-host", "127.0.0.1", "--master-bind-port", port]
        master = [sys.executable, "-m", "locust", "-f", LOCUSTFILE, "--headless", "--master"]
        master += ["--only-summary", "--expect-workers", workers, *ports, *load, *where, *how]
        started = [_start(stack, environment, [*master, "--loglevel", "ERROR"], folder)]
        for begin in range(0, workers, PER_PROCESS):
            some = [min(PER_PROCESS, workers - begin), port]
            many = [sys.executable, "-m", "benchmarks.many_workers", *some]
            started.append(_start(stack, environment, many, folder))
        _wait(looks, workers * users, seconds, started[0])
        told = [json.loads(line) for line in looks.read_text().splitlines()]
    full = [look for look in told if look["users"] >= workers * users]
    begun_s = full[0]["time_s"] + SETTLED_S
    full = [look for look in full if begun_s <= look["time_s"] <= begun_s + seconds]
    first, last = full[0], full[-1]
    passed_s = last["time_s"] - first["time_s"]

    def per_s(what: str) -> float:
        return float(last[what] - first[what]) / passed_s

    return Cost(
        workers,
        per_s("requests"),
        per_s("cpu_s"),
        last["rss_mb"],
        per_s("messages"),
        per_s("bytes"),
    )


def _start(
    stack: ExitStack, environment: dict[str, str], command: list[object], folder: Path
) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _wait(looks: Path, users: int, seconds: int, master: subprocess.Popen[bytes]) -> None:
    """Until all users have been there for long enough."""
    end_s, full_s = time.monotonic() + STARTING_S, None
    while master.poll() is None and time.monotonic() < end_s:
        time.sleep(0.5)
        lines = looks.read_text().splitlines() if looks.exists() else []
        if full_s is None and lines and json.loads(lines[-1])["users"] >= users:
            full_s = time.monotonic()
        if full_s is not None and time.monotonic() > full_s + SETTLED_S + seconds + 1:
            return


def run() -> list[Row]:
    """Masters of 8, 32 and 100 workers, with few and with many events; lines through them.

    The CPU of a master is that of its workers and that of their events: the plane through the six
    points says both. Workers share processes, and take no part in what is measured.
    """
    few = [cost(workers, FEW, "1-3", SECONDS, bytes_too=True) for workers in SIZES]
    many = [cost(workers, MANY, "1-3", SECONDS, bytes_too=True) for workers in SIZES]
    every = [*few, *many]
    known = np.array([[1.0, each.workers, each.requests_per_s] for each in every])
    _, a_worker, a_request = np.linalg.lstsq(known, np.array([each.core for each in every]))[0]
    memory = np.polyfit(SIZES, [each.rss_mb for each in few], 1)[0]
    most = many[-1]
    return [
        *(Row(_name(each), each.core * 100, "% of a core") for each in every),
        Row("a worker more", a_worker * 100, "% of a core"),
        Row("a request more", a_request * 1e6, "µs"),
        Row("a worker more: memory", float(memory), "MB"),
        Row("a worker's messages", few[-1].messages_per_s / SIZES[-1], "per s"),
        Row("a request, among many", most.bytes_per_s / most.requests_per_s, "bytes"),
    ]


def _name(of: Cost) -> str:
    return f"{of.workers} workers, {of.requests_per_s:,.0f} requests/s"


if __name__ == "__main__":
    workers, users, think, seconds = sys.argv[1:]
    print(cost(int(workers), int(users), think, int(seconds), bytes_too=True))
