"""What the live page costs: a run with nobody looking against the same run with the page open.

One Locust with its web UI runs all the time, against the stand-in of the tests; whether anybody
looks changes every few seconds, so that both sides have the same neighbours. Asked for by a
program, the page costs what Locust spends on it; in a Chromium on the same machine, also what
drawing costs where all cores are busy.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from benchmarks.made_events import K, made_events
from benchmarks.row import Row
from mcstress.metrics.figures import Figures

CHECKOUT = Path(__file__).parents[1]
sys.path[0:0] = [str(CHECKOUT / "tests"), str(CHECKOUT / "tests" / "web")]

from browsing import Browsing  # noqa: E402  (found by the line above)
from standin.process import Standin  # noqa: E402

USERS = 20
BLOCKS = 8
LOOKED_AT, TURNS = 20_000, 20
TURN_S = 4.0
POLL_S = 2.0
PORT = 8931
LookCall = Callable[[], Callable[[], object]]
"""Opens the page in one way; what it returns closes it."""

CLOSED, ASKED, DRAWN = "closed", "open, asked for by a program", "open in a Chromium beside it"


class PageTurn(NamedTuple):
    """What was seen while somebody, or nobody, looked."""

    requests_per_s: float
    cpu_us: float


def run() -> list[Row]:
    """Requests a second and Locust's CPU time per request, by who looks."""
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        standin = stack.enter_context(Standin())
        locust = stack.enter_context(started(standin.url, folder))
        looks: dict[str, LookCall] = {CLOSED: nobody, ASKED: program}
        if shutil.which("chromium"):
            browsing = stack.enter_context(Browsing())
            browsing.fresh()
            looks[DRAWN] = lambda: chromium(browsing)
        blocks = [
            {name: measured(looks[name], standin, locust) for name in order(looks, number)}
            for number in range(BLOCKS)
        ]
    return [*(row for name in looks for row in rows(name, blocks)), a_look()]


def order(looks: dict[str, LookCall], number: int) -> list[str]:
    """Forwards and backwards in turn, so that a drift hits all alike."""
    return [*looks] if number % 2 == 0 else [*looks][::-1]


def rows(name: str, blocks: list[dict[str, PageTurn]]) -> list[Row]:
    """Medians over the blocks, and of the ratios within each."""
    pace = median(block[name].requests_per_s for block in blocks)
    cost = median(block[name].cpu_us for block in blocks)
    kept = median(block[name].requests_per_s / block[CLOSED].requests_per_s for block in blocks)
    dearer = median(block[name].cpu_us / block[CLOSED].cpu_us for block in blocks)
    return [
        Row(f"requests, page {name}", pace, "/s", kept, f"page {CLOSED}"),
        Row(f"Locust's CPU per request, page {name}", cost, "µs", dearer, f"page {CLOSED}"),
    ]


def a_look() -> Row:
    """What working out the figures takes, of which the product allows itself 1/200 of the time."""
    events = made_events(LOOKED_AT, trios=USERS)
    figures = Figures(K)
    for event in events:
        figures.add(event)
    figures.result()
    began_s = time.thread_time()
    for _ in range(TURNS):
        figures.result()
    cost_ms = 1e3 * (time.thread_time() - began_s) / TURNS
    return Row(f"CPU of one look at {LOOKED_AT:,} events", cost_ms, "ms")


@contextmanager
def started(url: str, folder: str) -> Iterator[psutil.Process]:
    """Locust, all users spawned."""
    command = [sys.executable, "-m", "locust", "--autostart", "-u", str(USERS), "-r", str(USERS)]
    command += ["--web-host", "127.0.0.1", "--web-port", str(PORT), "--report-dir", folder]
    command += ["--host", url, "--llm-host", url]
    process = subprocess.Popen(
        command,
        cwd=CHECKOUT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while b'"running"' not in asked():
            time.sleep(0.2)
        time.sleep(TURN_S)
        yield psutil.Process(process.pid)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def asked() -> bytes:
    """What the page is told; nothing while there is no answer."""
    with suppress(URLError), urlopen(f"http://127.0.0.1:{PORT}/coordination/figures") as answer:
        return bytes(answer.read())
    return b""


def measured(look: LookCall, standin: Standin, locust: psutil.Process) -> PageTurn:
    """One turn."""
    close = look()
    began = (time.perf_counter(), requests(standin), cpu_s(locust))
    time.sleep(TURN_S)
    ended = (time.perf_counter(), requests(standin), cpu_s(locust))
    close()
    seconds, count, cpu = (end - start for start, end in zip(began, ended, strict=True))
    return PageTurn(count / seconds, 1e6 * cpu / count)


def requests(standin: Standin) -> int:
    """How many the stand-in has had."""
    return sum(standin.calls().values())


def cpu_s(locust: psutil.Process) -> float:
    """CPU time that Locust has used."""
    used = locust.cpu_times()
    return used.user + used.system


def nobody() -> Callable[[], object]:
    """Nobody looks."""
    return lambda: None


def program() -> Callable[[], object]:
    """Asks for the figures as often as the page does."""
    over = Event()

    def ask() -> None:
        while not over.is_set():
            asked()
            over.wait(POLL_S)

    thread = Thread(target=ask)
    thread.start()
    return lambda: (over.set(), thread.join())


def chromium(browsing: Browsing) -> Callable[[], object]:
    """The page as one sees it, once it is drawn."""
    browsing.goto(f"http://127.0.0.1:{PORT}/coordination/")
    browsing.wait_for_selector("#sections table")
    return lambda: browsing.goto("about:blank")
