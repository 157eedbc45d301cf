"""What metrics cost per event, over a realistic mix of the ten phases.

Events are decoded as they are counted, so that they lie in the cache as in a run; the time of the
decoding alone is taken off. Both sides take turns.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median

import msgpack  # type: ignore[import-untyped]  # as Locust sends it; it has no types

from benchmarks.made_events import PER_SECOND, K, made_events
from benchmarks.row import Row, cpu_seconds, print_rows
from mcstress.metrics.event import decoder, encoder
from mcstress.metrics.figures import Figures
from mcstress.metrics.intervals import import_scipy

EVENTS = 30_000
TURNS = 5
DECODING = "decoding the event"


def run() -> list[Row]:
    """CPU per event on a worker, on its master and in a local run; and of a look at all of it."""
    lines = [encoder.encode(event) for event in made_events(EVENTS)]
    import_scipy()
    turns: dict[Callable[[list[bytes]], object], list[float]] = {
        work: [] for work in (_decode, _worker, _local)
    }
    for _ in range(TURNS):
        for work, seconds in turns.items():
            seconds.append(cpu_seconds(partial(work, lines)))
    decoding, worker, local = (min(seconds) / len(lines) * 1e6 for seconds in turns.values())
    figures = _local(lines)
    look_ms = median(cpu_seconds(figures.result) for _ in range(9)) * 1e3
    return [
        Row("metrics on a worker, handed over each second", worker - decoding, "µs per event",
            (worker - decoding) / decoding, DECODING),
        Row("metrics on the master", _master_us(lines), "µs per event"),
        Row("metrics in a local run", local - decoding, "µs per event",
            (local - decoding) / decoding, DECODING),
        Row(f"all figures of {len(lines):,} events", look_ms, "ms"),
    ]  # fmt: skip


def _decode(lines: list[bytes]) -> None:
    for line in lines:
        decoder.decode(line)


def _local(lines: list[bytes]) -> Figures:
    figures = Figures(K, cells=12)
    for number, line in enumerate(lines, start=1):
        figures.add(decoder.decode(line))
        if number % PER_SECOND == 0:
            figures.glance()
    return figures


def _worker(lines: list[bytes]) -> list[bytes]:
    figures, handed_over = Figures(K, folds=False), []
    for number, line in enumerate(lines, start=1):
        figures.add(decoder.decode(line))
        if number % PER_SECOND == 0:
            handed_over.append(msgpack.packb(figures.take().state()))
    return handed_over


def _master_us(lines: list[bytes]) -> float:
    deltas, master = _worker(lines), Figures(K, cells=12)

    def merge() -> None:
        for delta in deltas:
            master.merge(Figures.from_state(msgpack.unpackb(delta)))

    return cpu_seconds(merge) / len(lines) * 1e6


if __name__ == "__main__":
    print_rows(run())
