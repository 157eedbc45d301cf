"""Two workers against one process: what distribution costs, and what it brings."""

from __future__ import annotations

from statistics import median

from benchmarks.locust_load import SEARCHING, fixed_services, load
from benchmarks.row import Row

USERS = 60
SECONDS = 10
TURNS = 2


def run() -> list[Row]:
    """Requests a second, and CPU a request of all processes; both sides take turns.

    On two cores the services take their share of what a second worker could bring, so that CPU a
    request, which is all that distribution adds, tells more than requests a second.
    """
    ways = {"one process": (), "two workers": ("--processes", 2)}
    pace: dict[str, list[float]] = {name: [] for name in ways}
    cost: dict[str, list[float]] = {name: [] for name in ways}
    with fixed_services() as url:
        for _ in range(TURNS):
            for name, way in ways.items():
                made = load(url, "-u", USERS, "-r", USERS, *way, *SEARCHING, seconds=SECONDS)
                pace[name].append(made.requests_per_s)
                cost[name].append(made.cpu_us_per_request)
    one, two = ways
    return [
        Row(f"{one}: requests", median(pace[one]), "per s"),
        Row(
            f"{two}: requests",
            median(pace[two]),
            "per s",
            median(pace[two]) / median(pace[one]),
            one,
        ),
        Row(f"{one}: CPU a request", median(cost[one]), "µs"),
        Row(
            f"{two}: CPU a request",
            median(cost[two]),
            "µs",
            median(cost[two]) / median(cost[one]),
            one,
        ),
    ]
