"""Ten thousand users in one process, each with about a second between two events."""

from __future__ import annotations

from statistics import median

from benchmarks.locust_load import SEARCHING, Load, fixed_services, load
from benchmarks.row import Row

COUNTS = (1_000, 10_000)
SPAWNED_PER_S = 1_000
STEADY_S = 15


def run() -> list[Row]:
    """Latency, CPU and memory at each number of users."""
    rows = []
    with fixed_services() as url:
        for count in COUNTS:
            spawning_s = count // SPAWNED_PER_S
            users = ("-u", count, "-r", SPAWNED_PER_S, "--think-time", "0.5-1.5")
            made = load(url, *users, *SEARCHING, seconds=2 * spawning_s + STEADY_S)
            search = made.document["latency"]["matrix_search"]
            rows += [
                Row(f"{count:,} users: matrix.search p50", search["p50_ms"], "ms"),
                Row(f"{count:,} users: … p95, while they begin", search["p95_ms"], "ms"),
                Row(f"{count:,} users: … p95, once all are there", _steady_p95(made), "ms"),
                Row(f"{count:,} users: CPU", made.busiest * 100, "% of a core"),
                Row(f"{count:,} users: memory", made.memory_mb, "MB"),
                Row(f"{count:,} users: requests", made.requests_per_s, "per s"),
            ]
    return rows


def _steady_p95(made: Load) -> float:
    """The median of the p95 of each second near the end: Locust starts users a second's at once."""
    slots = made.document["timeline"]["slots"][-STEADY_S:-1]
    return median(slot["latency"]["matrix_search"]["p95_ms"] for slot in slots)
