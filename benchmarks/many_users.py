"""Twenty thousand users over three workers, who begin at a thousand a second and wait for 3 s.

So many connections are held at once to a service of two processes: about as many as one address
of a service can have from one machine (28,000 local ports), and as three processes of 20,000 open
files can hold twice. It needs nginx.

``python -m benchmarks.many_users 30000 4`` is a run of more users over four workers: their host's
name has two addresses, 127.0.0.1 and 127.0.0.2, by a file of hosts that they alone see.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from benchmarks.locust_load import SEARCHING, load
from benchmarks.nginx_services import nginx, nginx_services
from benchmarks.row import Row, print_rows

USERS = 20_000
WORKERS = 3
SPAWNED_PER_S = 1_000
FULL_S = 40
"""So long all are there."""
ADDRESSES = ("127.0.0.1", "127.0.0.2")
NAME = "two-addresses.test"
OWN_HOSTS = ("unshare", "-r", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"')


def run(users: int = USERS, workers: int = WORKERS, addresses: int = 1) -> list[Row]:
    """Steps that failed, latency, CPU and memory."""
    program = nginx()
    if program is None:
        print("nginx: not installed")
        return []
    given = ("-u", users, "-r", SPAWNED_PER_S, "--think-time", "2.5-3.5", "--processes", workers)
    where = ADDRESSES[:addresses]
    with (
        TemporaryDirectory() as folder,
        nginx_services(program, processes=2, connections=users, addresses=where) as url,
    ):
        hosts = Path(folder) / "hosts"
        hosts.write_text("".join(f"{address} {NAME}\n" for address in where))
        host = url if addresses == 1 else f"http://{NAME}:{urlsplit(url).port}"
        made = load(
            url, *given, *SEARCHING, "--host", host,
            seconds=users // SPAWNED_PER_S + FULL_S,
            within=() if addresses == 1 else (*OWN_HOSTS, hosts),
        )  # fmt: skip
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


if __name__ == "__main__":
    asked, over = (int(word) for word in sys.argv[1:])
    print_rows(run(asked, over, len(ADDRESSES)))
