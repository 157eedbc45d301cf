"""What tracing costs, with the server up, down and hanging, beside the official SDK.

Whole events of one search against a server of fixed answers, 50 users, as in ``step.py``; arms take
turns. CPU time holds what is delivered or spooled meanwhile. At full speed the generator has no
core to spare, and what is traced waits until a turn is over: ``tracing_runs.py`` shows what a whole
run pays. Behind a service that takes its time, as all do, wall time is what users see.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gevent
from locust.env import Environment

from benchmarks.coordinating import coordinators
from benchmarks.fixed_server import search_body
from benchmarks.row import Row, print_rows
from benchmarks.searchers import BODY
from benchmarks.step import fixed_server
from benchmarks.tracing_arms import (
    TraceCall,
    TracedArm,
    arms,
    made,
    official_sdk,
    stand_in,
    tracer_to,
)
from mcstress.metrics.event import Event
from mcstress.services.step import Step
from mcstress.tracing.langfuse.tracer import LangfuseTracer
from mcstress.users.coordinator_session import coordination_hook

USERS = 50
SERVICE_MS = 10
EVENTS_EACH = 40
TURNS = 5
PACED_PER_S = 1000
PACED_S = 1.5
PACED_TURNS = 2
TICK_S = 0.002
STEPS = 5000
STEP_TURNS = 4
SDK_CALLS = 300
YARDSTICK_CALLS = 500

YARDSTICK = "json.loads of a search's answer"
RECORD = "one step, on the user's greenlet"
DELIVERY = "one step, delivered"
SDK_CALL = "one step, on the user's greenlet, official SDK"


class TracingCost(NamedTuple):
    """What a turn gave: µs of one event, and how late a ticking greenlet was at its p99."""

    wall_us: float
    cpu_us: float
    late_ms: float


class Bench:
    """Users that make events, each of them traced by the arm whose turn it is."""

    def __init__(self, url: str, folder: Path) -> None:
        environment = Environment()
        environment.create_local_runner()
        folder.mkdir()
        self._trace: TraceCall | None = None
        self._events = coordinators(url, environment, folder, USERS)
        coordination_hook(environment).add_listener(self._on_event)
        for event in self._events:
            event()

    def _on_event(self, event: Event, steps: Sequence[Step[Any]]) -> None:
        if self._trace is not None:
            self._trace(event, steps)

    def turn(self, arm: TracedArm, per_s: float | None = None) -> TracingCost:
        """One turn of ``arm``: at full speed, or at ``per_s`` events of all users together."""
        each = EVENTS_EACH if per_s is None else int(per_s * PACED_S / USERS)
        pause_s = 0.0 if per_s is None else USERS / per_s
        with arm() as (self._trace, settle):
            gc.collect()
            with ticking(per_s) as late_ms:
                cpu_s, begin_s = time.process_time(), time.perf_counter()
                users = [
                    gevent.spawn(_user, event, each, begin_s + number * pause_s / USERS, pause_s)
                    for number, event in enumerate(self._events)
                ]
                gevent.joinall(users, raise_error=True)
                wall_s = time.perf_counter() - begin_s
                settle()
                cpu_s = time.process_time() - cpu_s
        events = each * USERS
        return TracingCost(wall_s / events * 1e6, cpu_s / events * 1e6, quantile(late_ms, 0.99))


def _user(event: Callable[[], object], number: int, begin_s: float, pause_s: float) -> None:
    """Make events; with a pause, at fixed times, however long each takes."""
    for turn in range(number):
        if pause_s:
            gevent.sleep(max(0.0, begin_s + turn * pause_s - time.perf_counter()))
        event()


@contextmanager
def ticking(per_s: float | None) -> Iterator[list[float]]:
    """How late, in ms, a greenlet was that wants to wake every ``TICK_S``, in a paced turn."""
    late_ms: list[float] = []

    def tick() -> None:
        while per_s:
            due_s = time.perf_counter() + TICK_S
            gevent.sleep(TICK_S)
            late_ms.append((time.perf_counter() - due_s) * 1e3)

    ticker = gevent.spawn(tick)
    try:
        yield late_ms
    finally:
        ticker.kill()


def quantile(values: list[float], share: float) -> float:
    """The value that ``share`` of ``values`` stay below."""
    return sorted(values)[int(len(values) * share)] if values else 0.0


def users_rows(folder: Path) -> Iterator[Row]:
    """Events of real users, at full speed and paced."""
    with (
        fixed_server() as url,
        fixed_server(SERVICE_MS) as service_url,
        arms(folder) as contenders,
    ):
        bench, patient = Bench(url, folder / "full"), Bench(service_url, folder / "served")
        for arm in contenders.values():
            bench.turn(arm)
        full = [[bench.turn(arm) for arm in contenders.values()] for _ in range(TURNS)]
        served = [[patient.turn(arm) for arm in contenders.values()] for _ in range(TURNS)]
        paced = [
            [bench.turn(arm, PACED_PER_S) for arm in contenders.values()]
            for _ in range(PACED_TURNS)
        ]
    names = list(contenders)
    yield from _rows("full speed, CPU: ", names, full, "cpu_us")
    yield from _rows(f"a service of {SERVICE_MS} ms, wall: ", names, served, "wall_us")
    yield from _rows(f"a service of {SERVICE_MS} ms, CPU: ", names, served, "cpu_us")
    yield from _rows(f"{PACED_PER_S:,} per s, CPU: ", names, paced, "cpu_us")
    for number, name in enumerate(names):
        late = min(turn[number].late_ms for turn in paced)
        yield Row(f"{PACED_PER_S:,} per s, lateness p99: {name}", late, "ms")


def _rows(
    what: str, names: list[str], turns: list[list[TracingCost]], figure: str
) -> Iterator[Row]:
    """The best turn of each arm, which neighbours disturbed least, and its ratio to the first."""
    best = [min(getattr(turn[number], figure) for turn in turns) for number in range(len(names))]
    for name, value in zip(names, best, strict=True):
        yield Row(f"{what}{name}", value, "µs per event", value / best[0], names[0])


def step_rows(folder: Path) -> Iterator[Row]:
    """What one step costs the user's greenlet, and what its delivery costs the sender's.

    Beside them a yardstick that PERFORMANCE.md has 10.9 µs for: its budgets are 0.28 and 1.1 of it.
    """
    answer = search_body()
    with stand_in() as ours, stand_in() as theirs:
        client, trace = official_sdk(theirs, "steps")
        cost: dict[str, list[float]] = {YARDSTICK: [], RECORD: [], DELIVERY: [], SDK_CALL: []}
        for turn in range(STEP_TURNS):
            cost[YARDSTICK].append(_cpu_us(partial(json.loads, answer), YARDSTICK_CALLS))
            for name, cpu_us in _step_turn(tracer_to(ours, folder, f"step-{turn}")).items():
                cost[name].append(cpu_us)
            call = partial(trace, *made(turn, BODY, answer))
            cost[SDK_CALL].append(_cpu_us(call, SDK_CALLS))
            client.flush()
        client.shutdown()
    yardstick = min(cost[YARDSTICK])
    for name, values in cost.items():
        yield Row(name, min(values), "µs CPU per step", min(values) / yardstick, YARDSTICK)


def _step_turn(tracer: LangfuseTracer) -> dict[str, float]:
    """The CPU µs per step of recording, while nobody else has a turn, and of delivering."""
    while tracer.project_url is None:
        gevent.sleep(0.01)
    pairs = iter([made(number, BODY, search_body()) for number in range(STEPS)])
    recorded = _cpu_us(lambda: tracer.record(*next(pairs)), STEPS)
    delivered = _cpu_us(lambda: tracer.finish(20.0), 1) / STEPS
    assert tracer.counts().delivered == STEPS, tracer.counts()
    return {RECORD: recorded, DELIVERY: delivered}


def _cpu_us(call: Callable[[], object], times: int) -> float:
    begin_s = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - begin_s) / times * 1e6


def memory_rows(folder: Path) -> Iterator[Row]:
    """The peak of a process that records while the server hangs."""
    with stand_in("hang") as url:
        command = [sys.executable, "-m", "benchmarks.tracing_memory", url, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    yield Row("memory over 200,000 steps, server hanging", found["mb"], "MB")
    yield Row("of these, spooled", found["spooled"], "steps")
    yield Row("of these, dropped", found["dropped"], "steps")


def run() -> list[Row]:
    """Users at full speed and paced, the two costs of a step, and memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [
            *users_rows(folder),
            *step_rows(folder),
            *memory_rows(folder),
        ]


if __name__ == "__main__":
    print_rows(run())
