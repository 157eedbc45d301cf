"""Turns of one client in a process of its own: what another client leaves in memory slows nobody.

``python -m benchmarks.turns URL NAME`` gets ready, and then takes a turn for each line that it
reads, and answers with what it cost.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
from locust.env import Environment

from benchmarks.coordinating import coordinators
from benchmarks.searchers import SEARCHERS, TARGETS, SearchCall
from mcstress.process.tuning import tune_gc

USERS = 50
ALL_IN = "matrix.search event, with metrics and evidence"
ALL_IN_REQUESTS = 200

Turn = Callable[[], float]


@contextmanager
def turns_of(url: str, name: str) -> Iterator[Turn]:
    """A client in its own process; each call is a turn, and gives its CPU µs per request."""
    command = [sys.executable, "-m", "benchmarks.turns", url, name]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, told = process.stdin, process.stdout

        def turn() -> float:
            asked.write("\n")
            asked.flush()
            return float(told.readline())

        try:
            yield turn
        finally:
            asked.close()  # its turns end there, and it tidies up


def search_turn(searches: list[SearchCall], requests: int) -> Turn:
    """CPU µs per request where every user makes ``requests`` of them, all users at once."""

    def user(search: SearchCall) -> None:
        for _ in range(requests):
            search()

    def turn() -> float:
        gc.collect()
        users = [gevent.spawn(user, search) for search in searches]
        begin = time.process_time()
        gevent.joinall(users, raise_error=True)
        return (time.process_time() - begin) / (len(searches) * requests) * 1e6

    return turn


def made(url: str, name: str, folder: Path) -> Turn:
    """The turn of the client called ``name``, its users' connections already open."""
    environment = Environment()
    environment.create_local_runner()
    if name == ALL_IN:
        tune_gc(environment)
        searches, requests = coordinators(url, environment, folder, USERS), ALL_IN_REQUESTS
    else:
        make, requests = (SEARCHERS | TARGETS)[name]
        searches = [make(url, environment) for _ in range(USERS)]
    for search in searches:
        search()
    environment.events.spawning_complete.fire(user_count=USERS)
    return search_turn(searches, requests)


def main(url: str, name: str) -> None:
    """Take turns while there is somebody who asks for them."""
    with tempfile.TemporaryDirectory() as folder:
        turn = made(url, name, Path(folder))
        for _ in sys.stdin:
            print(turn(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
