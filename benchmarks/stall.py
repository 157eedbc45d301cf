"""A service that stops for 2 s in 10 s at 50 requests a second: what each way to drive load says.

``closed``: Locust's own loop, a fixed number of users that wait for their answers. ``arrivals``:
the response time of a schedule. Beside them, by arithmetic from the stall alone: what every arrival
waited (``arithmetic``), and what wrk2 would say, whose connections each have a schedule of their
own and catch up one after the other (Tene, 2015).
"""

from __future__ import annotations

import os
import subprocess
import sys
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from benchmarks.locust_load import CHECKOUT
from benchmarks.row import Row

LOCUSTFILE = Path(__file__).with_name("stalling_locustfile.py")
PER_S, RUN_S, STALL_FROM_S, STALL_S = 50, 10, 4.0, 2.0
USERS = 30
SERVICE_S = 0.002
CONNECTIONS = 5


def run() -> list[Row]:
    """The 95th percentile by each."""
    open_loop = ("--arrival-rate", PER_S, "--arrivals", "constant", "-u", USERS, "-r", USERS)
    # As many as ask 50 a second where each thinks for a tenth of a second.
    closed_loop = ("--think-time", "0.1", "-u", 5, "-r", 5)
    closed = _document(*closed_loop)["latency"]["matrix_search"]
    arrivals = _document(*open_loop)["latency"]["response"]["all"]
    true_ms = percentile(waits_s(1), 0.95) * 1000
    wrk2_ms = percentile(waits_s(CONNECTIONS), 0.95) * 1000
    return [
        Row("arithmetic: p95 of what arrivals wait", true_ms, "ms"),
        Row("closed: p95", closed["p95_ms"], "ms", closed["p95_ms"] / true_ms, "arithmetic"),
        Row("arrivals: p95", arrivals["p95_ms"], "ms", arrivals["p95_ms"] / true_ms, "arithmetic"),
        Row("wrk2: p95, by arithmetic", wrk2_ms, "ms", wrk2_ms / true_ms, "arithmetic"),
        Row("closed: requests", closed["count"], "of 500"),
        Row("arrivals: events", arrivals["count"], "of 500"),
    ]


def waits_s(connections: int) -> list[float]:
    """What each of the run's evenly spaced requests waits from its intended time to its answer.

    1 connection: each is asked at once whatever became of those before. More: a connection asks
    its next one when it has the answer to the last.
    """
    free_s = [0.0] * connections
    waits = []
    for number in range(PER_S * RUN_S):
        intended_s = (number + 0.5) / PER_S
        mine = number % connections
        begin_s = intended_s if connections == 1 else max(intended_s, free_s[mine])
        stalls = STALL_FROM_S <= begin_s < STALL_FROM_S + STALL_S
        end_s = (STALL_FROM_S + STALL_S if stalls else begin_s) + SERVICE_S
        free_s[mine] = end_s
        waits.append(end_s - intended_s)
    return waits


def percentile(values: list[float], q: float) -> float:
    """By nearest rank."""
    return sorted(values)[ceil(q * len(values)) - 1]


def _document(*arguments: object) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "locust", "-f", LOCUSTFILE, "--headless"]
        command += ["--target", f"{LOCUSTFILE}:Stalling", "--tags", "merge", "-t", f"{RUN_S + 3}s"]
        command += ["--report-dir", folder, "--langfuse-env", f"{folder}/none", *arguments]
        subprocess.run(
            list(map(str, command)),
            cwd=CHECKOUT,
            env={**os.environ, "STALL": f"{STALL_FROM_S} {STALL_S} {RUN_S}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        document = (Path(folder) / "multi_coord_stress_001.json").read_bytes()
    found: dict[str, Any] = msgspec.json.decode(document)
    return found
