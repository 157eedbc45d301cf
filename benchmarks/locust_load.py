"""Locust as users start it, against services that cost next to nothing; what it took."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

import msgspec
import psutil

from mcstress.process.parent_death import end_with_parent

CHECKOUT = Path(__file__).resolve().parents[1]
SERVER = CHECKOUT / "benchmarks" / "fixed_services.py"
SEARCHING = ("--tags", "baseline", "surge", "reissue")
LOOK_S = 0.5


class Load(msgspec.Struct):
    """What a run took in its second half, when all users are there and all code is warm.

    ``cpu_us_per_request`` is that of all its processes; ``busiest`` the share of a core that the
    busiest took; ``memory_mb`` the most that all held together before the report.
    """

    document: dict[str, Any]
    requests_per_s: float
    cpu_us_per_request: float
    busiest: float
    memory_mb: float


class Look(msgspec.Struct):
    """What there was to see at one time."""

    time_s: float
    requests: int
    cpu_s: dict[int, float]
    memory_mb: float


@contextmanager
def services(*program: str | Path) -> Iterator[str]:
    """The URL of the services that a Python ``program`` is, which prints its port, while it is up.

    ``program`` is its file and arguments.
    """
    command = [sys.executable, *program]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent
    ) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.kill()


def fixed_services() -> AbstractContextManager[str]:
    """The URL of services that cost next to nothing."""
    return services(SERVER)


def load(url: str, *arguments: object, seconds: int, within: Sequence[object] = ()) -> Load:
    """Run Locust for ``seconds``, headless; ``within`` another command that starts it."""
    with TemporaryDirectory() as folder:
        command = [*map(str, within), sys.executable, "-m", "locust", "--headless"]
        command += ["--only-summary"]
        command += ["--run-time", f"{seconds}s", "--stop-timeout", "10", "--host", url]
        command += ["--llm-host", url, "--report-dir", folder, "--evidence", "none"]
        command += ["--langfuse-env", f"{folder}/none", *map(str, arguments)]
        environment = {name: value for name, value in os.environ.items() if "LANGFUSE" not in name}
        with subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            looks = _watch(process, url, seconds)
            process.wait()
        document = (Path(folder) / "multi_coord_stress_001.json").read_bytes()
    first, last = looks[len(looks) // 2], looks[-1]
    passed_s, requests = last.time_s - first.time_s, last.requests - first.requests
    cpu_s = [used - first.cpu_s.get(pid, 0.0) for pid, used in last.cpu_s.items()]
    return Load(
        document=msgspec.json.decode(document),
        requests_per_s=requests / passed_s,
        cpu_us_per_request=sum(cpu_s) / requests * 1e6,
        busiest=max(cpu_s) / passed_s,
        memory_mb=max(look.memory_mb for look in looks),
    )


def _watch(process: subprocess.Popen[bytes], url: str, seconds: int) -> list[Look]:
    """Looks until the run time is over: the report, which comes after, is another benchmark's."""
    looks = []
    begin_s = time.monotonic()
    while process.poll() is None and time.monotonic() - begin_s < seconds:
        time.sleep(LOOK_S)
        looks.append(_look(process.pid, url))
    return looks


def _look(pid: int, url: str) -> Look:
    parent = psutil.Process(pid)
    processes = [parent, *parent.children(recursive=True)]
    cpu_s = {one.pid: sum(one.cpu_times()[:2]) for one in processes}
    memory_mb = sum(one.memory_info().rss for one in processes) / 1e6
    with urlopen(f"{url}/requests", timeout=LOOK_S * 20) as answer:
        numbers = re.findall(rb"\d+", answer.read())
    # nginx tells connections (active, accepted, handled) before requests, ours tell requests alone.
    requests = int(numbers[3] if len(numbers) > 1 else numbers[0])
    return Look(time.monotonic(), requests, cpu_s, memory_mb)
