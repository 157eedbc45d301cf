"""A ``matrix.search`` step against other clients that send the same POST and read the answer.

CPU time of the generator per request over 50 connections; the server is a process of its own. All
take turns in one run, and a ratio is the median of the turns' ratios.
"""

from __future__ import annotations

import contextlib
import gc
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import gevent
from locust.env import Environment

from benchmarks import load_tools, parsers
from benchmarks.coordinating import coordinators
from benchmarks.row import Row
from benchmarks.searchers import BODY, FAST_HTTP_USER, SEARCHERS, Search
from harness.garbage import keep_quiet
from services.gateway import SEARCH

USERS = 50
TURNS = 11
ALL_IN = "matrix.search event, with metrics and evidence"

Turn = Callable[[], float]


@contextlib.contextmanager
def fixed_server(takes_ms: float = 0) -> Iterator[str]:
    """The URL of a server that answers every request alike."""
    command = [sys.executable, Path(__file__).with_name("fixed_server.py"), str(takes_ms)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


def search_turn(searches: list[Search], requests: int) -> Turn:
    """CPU µs per request where every user makes ``requests`` of them, all users at once."""

    def user(search: Search) -> None:
        for _ in range(requests):
            search()

    def turn() -> float:
        gc.collect()
        users = [gevent.spawn(user, search) for search in searches]
        begin = time.process_time()
        gevent.joinall(users, raise_error=True)
        return (time.process_time() - begin) / (len(searches) * requests) * 1e6

    return turn


def search_turns(url: str) -> dict[str, Turn]:
    """A turn of each client in Python, its connections already open."""
    environment = Environment()
    environment.create_local_runner()
    turns = {}
    for name, (make, requests) in SEARCHERS.items():
        searches = [make(url, environment) for _ in range(USERS)]
        for search in searches:
            search()
        turns[name] = search_turn(searches, requests)
    return turns


def all_in_turn(url: str, folder: Path) -> Turn:
    """A turn of whole events of one search: Locust told, decoded, counted and kept."""
    environment = Environment()
    environment.create_local_runner()
    keep_quiet(environment)
    events = coordinators(url, environment, folder, USERS)
    for event in events:
        event()
    environment.events.spawning_complete.fire(user_count=USERS)
    return search_turn(events, 60)


def tool_turns(url: str, folder: Path) -> dict[str, Turn]:
    """A turn of each load generator that is installed."""
    body = folder / "body.json"
    body.write_bytes(BODY)
    return {
        tool.name: lambda tool=tool: load_tools.cpu_us_per_request(tool, url + SEARCH.path, body)  # type: ignore[misc]  # the default binds the loop's value
        for tool in load_tools.installed()
    }


def interleave(turns: Mapping[str, Turn], count: int) -> dict[str, list[float]]:
    """What ``count`` turns of each gave, taken in rotation."""
    measured: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(count):
        for name, turn in turns.items():
            measured[name].append(turn())
    return measured


def rows(measured: Mapping[str, list[float]], unit: str, against: str) -> list[Row]:
    """The median of each, and of its ratios to ``against``, turn by turn."""
    base = measured[against]
    return [
        Row(
            name=name,
            value=statistics.median(values),
            unit=unit,
            ratio=statistics.median(v / b for v, b in zip(values, base, strict=True)),
            against=against,
        )
        for name, values in measured.items()
    ]


def run() -> list[Row]:
    """Clients, load generators and parsers."""
    with fixed_server() as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        turns = search_turns(url) | {ALL_IN: all_in_turn(url, folder)} | tool_turns(url, folder)
        clients = interleave(turns, TURNS)
    bindings = {
        "parse with httptools": lambda: parsers.us_per_answer(parsers.httptools_parses()),
        "parse with geventhttpclient._parser": lambda: parsers.us_per_answer(
            parsers.geventhttpclient_parses()
        ),
    }
    return [
        *rows(clients, "µs CPU per request", FAST_HTTP_USER),
        *rows(interleave(bindings, TURNS), "µs per answer", "parse with geventhttpclient._parser"),
    ]


if __name__ == "__main__":
    for row in run():
        print(f"{row.name:45} {row.value:8.1f} {row.unit:20} {row.ratio:6.3f} of {row.against}")
