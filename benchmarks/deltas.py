"""What a delta costs its worker and its master, by the number of its events.

A delta's cost hardly depends on how many events it sums up, so that the fewer there are, the more
events a master carries: what it does with one is to decode the message, and to merge what it says.
"""

from __future__ import annotations

import gc
from functools import partial

import msgspec

from benchmarks.made_events import K, made_events
from benchmarks.row import Row, cpu_seconds, print_rows
from mcstress.cluster.messages import EVENTS_A_SECOND, MOST_EVENTS, Delta
from mcstress.metrics.event import Event
from mcstress.metrics.figures import Figures
from mcstress.metrics.intervals import import_scipy

EVENTS = 24_000
SIZES = (100, 1000, EVENTS_A_SECOND, MOST_EVENTS, 12_000)
TURNS = 3
_decoder = msgspec.msgpack.Decoder(Delta)


def run() -> list[Row]:
    """CPU of each end for a delta and for an event, and the events that a master's core carries."""
    events = made_events(EVENTS)[:EVENTS]
    import_scipy()
    gc.collect()
    gc.freeze()
    return [row for size in sorted({*SIZES}) for row in _rows(events, size)]


def _rows(events: list[Event], size: int) -> list[Row]:
    handing_s, messages = min((_handed_over(events, size) for _ in range(TURNS)), key=_first)
    number, taking_s = len(messages), min(_taken(messages) for _ in range(TURNS))
    named = f"a delta of {size:,} events"
    return [
        Row(named, sum(map(len, messages)) / number / 1000, "KB"),
        Row("… on its worker, which reads no answer meanwhile", handing_s / number * 1e3, "ms"),
        Row("… on the master", taking_s / number * 1e3, "ms"),
        Row("… on the master, an event", taking_s / len(events) * 1e6, "µs"),
        Row("… events that its core carries", len(events) / taking_s, "per s"),
    ]


def _first(told: tuple[float, list[bytes]]) -> float:
    return told[0]


def _handed_over(events: list[Event], size: int) -> tuple[float, list[bytes]]:
    """CPU seconds of handing over, and what was handed over."""
    figures, messages, taken_s = Figures(K, folds=False), list[bytes](), 0.0
    for begin in range(0, len(events), size):
        figures.add_all(events[begin : begin + size])
        taken_s += cpu_seconds(lambda: messages.append(_message(figures.take())))
    return taken_s, messages


def _message(seen: Figures) -> bytes:
    return msgspec.msgpack.encode(
        Delta(
            run_uid="run", worker="worker-0", boot="boot", number=1, events_made=1,
            user_errors=[], tracing={}, state=seen.state(),
        )
    )  # fmt: skip


def _taken(messages: list[bytes]) -> float:
    """CPU seconds of a master that takes them all in."""
    master = Figures(K, cells=12)
    return sum(cpu_seconds(partial(_take, master, message)) for message in messages)


def _take(master: Figures, message: bytes) -> None:
    """As ``RunState.take``: it is looked at before it counts."""
    seen = Figures.from_state(_decoder.decode(message).state)
    assert seen.events
    master.merge(seen)


if __name__ == "__main__":
    print_rows(run())
