"""A whole event beside hey, which throws the answer away, and a whole run beside FastHttpUser's.

Events and hey's requests take turns against one server, and ratios are medians of the turns'. A
whole run is all that its process does, from its start to the end of its report. Without hey
(``apt-get install hey``) it says so, and compares with FastHttpUser alone.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

from benchmarks.load_tools import LOAD_TOOLS, cpu_us_per_request, installed
from benchmarks.locust_load import CHECKOUT, SEARCHING, fixed_services
from benchmarks.row import Row, print_rows
from benchmarks.searchers import BODY, FAST_HTTP_USER
from benchmarks.step import fixed_server, interleave, rows
from benchmarks.turns import ALL_IN, Turn, turns_of
from mcstress.services.gateway.client import SEARCH

TURNS = 11
RUNS = 2
USERS = 50
RUN_REQUESTS = 500_000
"""Of a whole run: so many that its start and its report are a tenth of it."""
REQUESTS_A_ROUND = 16
"""A user's searches in a round of the phases of ``SEARCHING``."""
HEY = "hey"
OURS, FAST = "a whole run with its report", "a whole run of FastHttpUser"
FAST_LOCUSTFILE = f"""\
import gevent
from locust import FastHttpUser, task

BODY = {BODY!r}

class Searcher(FastHttpUser):
    made = 0

    @task
    def search(self):
        self.client.post({SEARCH.path!r}, data=BODY, headers={{"Content-Type": "application/json"}})
        Searcher.made += 1
        if Searcher.made == {RUN_REQUESTS}:
            gevent.spawn(self.environment.runner.quit)
"""


def run() -> list[Row]:
    """Events against hey and FastHttpUser; whole runs against those of FastHttpUser."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(fixed_server())
        turns = {
            name: stack.enter_context(turns_of(url, name)) for name in (ALL_IN, FAST_HTTP_USER)
        }
        if any(tool.name == HEY for tool in installed()):
            turns[HEY] = _hey_turn(url, folder)
        for turn in turns.values():
            turn()
        events = interleave(turns, TURNS)
        services = stack.enter_context(fixed_services())
        whole = interleave(
            {OURS: lambda: _our_run(services, folder), FAST: lambda: _fast_run(services, folder)},
            RUNS,
        )
    against = HEY if HEY in events else FAST_HTTP_USER
    unit = "µs CPU per request"
    return [*rows(events, unit, against), *rows(whole, unit, FAST)]


def _hey_turn(url: str, folder: Path) -> Turn:
    hey = next(tool for tool in LOAD_TOOLS if tool.name == HEY)
    body = folder / "body.json"
    body.write_bytes(BODY)
    return lambda: cpu_us_per_request(hey, url + SEARCH.path, body)


def _our_run(url: str, folder: Path) -> float:
    reports = ["--report-dir", folder, "--langfuse-env", folder / "none", "--llm-host", url]
    rounds = RUN_REQUESTS // (USERS * REQUESTS_A_ROUND)
    return _cpu_us(url, [*reports, *SEARCHING, "--rounds", rounds])


def _fast_run(url: str, folder: Path) -> float:
    locustfile = folder / "fast.py"
    locustfile.write_text(FAST_LOCUSTFILE)
    return _cpu_us(url, ["-f", locustfile, "--html", folder / "fast.html"])


def _cpu_us(url: str, arguments: list[object]) -> float:
    """CPU of a Locust of its own, in µs for each request that the services had of it."""
    load = ["--headless", "--only-summary", "-u", USERS, "-r", USERS]
    command = [sys.executable, "-m", "locust", *load, "--host", url, *arguments]
    environment = {name: value for name, value in os.environ.items() if "LANGFUSE" not in name}
    before, requests = resource.getrusage(resource.RUSAGE_CHILDREN), _requests(url)
    subprocess.run(
        [str(part) for part in command],
        cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return seconds / (_requests(url) - requests) * 1e6


def _requests(url: str) -> int:
    with urlopen(f"{url}/requests", timeout=10) as answer:
        return int(answer.read())


if __name__ == "__main__":
    print_rows(run())
