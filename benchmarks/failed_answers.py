"""Memory of a run of twelve users while every third answer of 2 MB fails.

``python -m benchmarks.failed_answers [CHECKOUT]`` prints a curve for each way to fail: the resident
memory of Locust, looked at every two seconds, and the failed steps. CHECKOUT is another one, with
its own ``.venv``, to compare with.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import psutil

from benchmarks.failing_services import FAILURES
from benchmarks.locust_load import CHECKOUT, services
from benchmarks.row import Row

SERVER = Path(__file__).with_name("failing_services.py")
USERS = 12
SECONDS = 30
LOOK_S = 2.0


class Curve(msgspec.Struct):
    """Resident MB of the run, one every two seconds; ``searches`` asked and ``failed``."""

    failure: str
    mb: list[int]
    searches: int
    failed: int


def curve(failure: str, checkout: Path = CHECKOUT, seconds: int = SECONDS) -> Curve:
    """Run Locust against services that fail so."""
    with services(SERVER, failure) as url, TemporaryDirectory() as folder:
        command = [checkout / ".venv/bin/python", "-m", "locust", "--headless", "--only-summary"]
        command += ["-u", USERS, "-r", USERS, "-t", f"{seconds}s", "--stop-timeout", 5]
        command += ["--host", url, "--llm-host", url, "--report-dir", folder]
        command += ["--tags", "baseline", "surge", "reissue", "--langfuse-env", f"{folder}/none"]
        with subprocess.Popen(
            [str(word) for word in command],
            cwd=checkout,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            mb = _looks(process, seconds)
        (report,) = Path(folder).glob("*_001.json")
        steps = json.loads(report.read_text())["metrics"]["errors"]["by_step"]["matrix_search"]
    return Curve(failure, mb, steps["steps"], steps["failed"])


def _looks(process: subprocess.Popen[bytes], seconds: int) -> list[int]:
    """Looks until the run time is over: what the report takes is another benchmark's."""
    running = psutil.Process(process.pid)
    looks = []
    begin_s = time.monotonic()
    while process.poll() is None and time.monotonic() - begin_s < seconds:
        time.sleep(LOOK_S)
        looks.append(round(running.memory_info().rss / 1e6))
    return looks


def run() -> list[Row]:
    """The most that a run took, by way to fail."""
    return [
        Row(f"12 users, answers {one.failure}", max(one.mb), "MB") for one in map(curve, FAILURES)
    ]


if __name__ == "__main__":
    for way in FAILURES:
        print(curve(way, Path(*sys.argv[1:2]) if sys.argv[1:] else CHECKOUT))
