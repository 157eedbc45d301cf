"""One half of a pair of ``against.py``: run by path, in the checkout that is measured.

``python against_half.py NAME URL`` prints CPU µs. What it imports is the checkout's own; it uses
only what the checkouts that are compared have in common.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time

import locust  # noqa: F401  (first, for its monkey-patching)

from benchmarks import event_cost, tracing
from benchmarks.made_events import made_events
from benchmarks.tracing_arms import stand_in, tracer_to
from benchmarks.turns import ALL_IN, made

TURNS = 7
EVENTS = 10_000


def step(url: str, folder: Path) -> list[float]:
    """An event of one search, with metrics and evidence."""
    turn = made(url, ALL_IN, folder)
    turn()
    return [turn() for _ in range(TURNS)]


def metrics(_url: str, _folder: Path) -> list[float]:
    """The metrics of an event, on a worker and in a local run."""
    lines = [event_cost.encoder.encode(event) for event in made_events(EVENTS)]
    costs = []
    for _ in range(TURNS):
        begin_s = process_time()
        event_cost._worker(lines)  # noqa: SLF001  (the benchmark's own parts)
        event_cost._local(lines)  # noqa: SLF001  (likewise)
        costs.append((process_time() - begin_s) / EVENTS * 1e6)
    return costs


def traced(figure: str, folder: Path) -> list[float]:
    """A step on the user's greenlet, or its delivery."""
    with stand_in() as url:
        turns = [
            tracing._step_turn(tracer_to(url, folder, f"turn-{n}"))  # noqa: SLF001  (likewise)
            for n in range(TURNS)
        ]
    return [turn[figure] for turn in turns]


WORK: dict[str, Callable[[str, Path], list[float]]] = {
    "step": step,
    "event_cost": metrics,
    "trace_record": lambda _, folder: traced(tracing.RECORD, folder),
    "trace_delivery": lambda _, folder: traced(tracing.DELIVERY, folder),
}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(statistics.median(WORK[sys.argv[1]](sys.argv[2], Path(name))))
