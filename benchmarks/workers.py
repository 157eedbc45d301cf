"""Two workers against one process: what distribution costs, and what it brings."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from benchmarks.locust_load import SEARCHING, load
from benchmarks.nginx_services import cheapest_services
from benchmarks.row import Row

USERS = 60
SECONDS = 10
TURNS = 2

ONE, TWO, APART = "one process", "two workers", "two processes that know nothing of each other"

Cost = tuple[float, float]
"""Requests a second, and CPU µs a request of all processes."""


def of_one(url: str, *way: object, users: int = USERS) -> Cost:
    """One Locust, in one process or with workers."""
    made = load(url, "-u", users, "-r", users, *way, *SEARCHING, seconds=SECONDS)
    return made.requests_per_s, made.cpu_us_per_request


def of_two_apart(url: str) -> Cost:
    """Two Locusts at once, each with half of the users; the services count for both."""
    with ThreadPoolExecutor(2) as pool:
        halves = [pool.submit(of_one, url, users=USERS // 2) for _ in range(2)]
        (pace, cost), (other_pace, other_cost) = (half.result() for half in halves)
    return (pace + other_pace) / 2, cost + other_cost


def run() -> list[Row]:
    """Requests a second, and CPU a request; all take turns.

    On two cores the services take their share of what a second worker could bring. What two
    processes bring that do without a master is what there is to be had; beside it stands what is
    left of that where one report is made of both. Where the services have cores of their own, two
    workers bring what they make of twice the CPU: the last row.
    """
    ways: dict[str, Callable[[str], Cost]] = {
        ONE: of_one,
        APART: of_two_apart,
        TWO: lambda url: of_one(url, "--processes", 2),
    }
    measured: dict[str, list[Cost]] = {name: [] for name in ways}
    with cheapest_services() as url:
        for _ in range(TURNS):
            for name, way in ways.items():
                measured[name].append(way(url))
    pace = {name: median(cost[0] for cost in costs) for name, costs in measured.items()}
    cpu = {name: median(cost[1] for cost in costs) for name, costs in measured.items()}
    return [
        *(Row(f"{n}: requests", pace[n], "per s", pace[n] / pace[ONE], ONE) for n in ways),
        *(Row(f"{n}: CPU a request", cpu[n], "µs", cpu[n] / cpu[ONE], ONE) for n in ways),
        Row(f"{TWO}, once more", pace[TWO], "per s", pace[TWO] / pace[APART], APART),
        Row(
            f"{TWO}, of twice the CPU of {ONE}: requests",
            2 * pace[ONE] * cpu[ONE] / cpu[TWO],
            "per s",
            2 * cpu[ONE] / cpu[TWO],
            ONE,
        ),
    ]
