"""Twenty thousand users over three workers, who begin at a thousand a second and wait for 3 s.

So many connections are held at once to a service of two processes: about as many as one address
of a service can have from one machine (28,000 local ports), and as three processes of 20,000 open
files can hold twice. It needs nginx.
"""

from __future__ import annotations

from statistics import median

from benchmarks.locust_load import SEARCHING, load
from benchmarks.nginx_services import nginx, nginx_services
from benchmarks.row import Row

USERS = 20_000
WORKERS = 3
SPAWNED_PER_S = 1_000
SECONDS = 60


def run() -> list[Row]:
    """Steps that failed, latency, CPU and memory."""
    program = nginx()
    if program is None:
        print("nginx: not installed")
        return []
    users = ("-u", USERS, "-r", SPAWNED_PER_S, "--think-time", "2.5-3.5")
    with nginx_services(program, processes=2, connections=USERS) as url:
        made = load(url, "--processes", WORKERS, *users, *SEARCHING, seconds=SECONDS)
    errors, slots = made.document["metrics"]["errors"], made.document["timeline"]["slots"]
    steady = slots[len(slots) // 2 : -1]
    return [
        Row("users at most", made.document["run"]["peak_users"], ""),
        Row("steps", errors["steps"], ""),
        Row("steps that failed", errors["failed"], ""),
        Row("matrix.search p50", made.document["latency"]["matrix_search"]["p50_ms"], "ms"),
        *(
            Row(
                f"… {name}, once all are there",
                median(slot["latency"]["matrix_search"][f"{name}_ms"] for slot in steady),
                "ms",
            )
            for name in ("p50", "p95")
        ),
        Row("the busiest process", made.busiest * 100, "% of a core"),
        Row("memory of all", made.memory_mb, "MB"),
        Row("requests", made.requests_per_s, "per s"),
    ]
