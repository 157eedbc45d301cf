"""Whether this process itself keeps up: a timer's lateness and the share of a core, by second.

A process that is starved reads answers late, so that its users look busy: what they wait for says
nothing then. The timer waits for nobody.
"""

from __future__ import annotations

from math import inf
from time import perf_counter, process_time
from typing import Annotated

import gevent
import msgspec

from mcstress.services.steady_clock import CLOCK

TICK_S = 0.01
MOST_LAG_MS = 5.0
MOST_SHARE = 0.9
"""Of a core: beyond it, or beyond that lag in one tick of a hundred, a second is saturated."""
SEEN_LAG_S = 0.001
"""A tick that is late by more was held up by something: an idle machine's are late by less."""


class LoopSecond(msgspec.Struct, frozen=True):
    """One second of a process: its begin (Unix), the lag's 99th percentile, its share of a core.

    ``own_wait_s``: how long in it the process can have kept its events waiting, in s (own_wait_s).
    """

    time: int
    lag_p99_ms: float
    cpu_share: float
    own_wait_s: Annotated[float, msgspec.Meta(ge=0, le=2**20)] = inf

    @property
    def saturated(self) -> bool:
        """Whether waits in it may be the process's own."""
        return self.lag_p99_ms > MOST_LAG_MS or self.cpu_share > MOST_SHARE


class LoopLag:
    """Ticks every 10 ms; takes 0.1 % of a core. ``take`` gives the seconds since it was asked."""

    def __init__(self) -> None:
        self._seconds: list[LoopSecond] = []
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def start(self) -> None:
        """Tick from now on; twice is once."""
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._tick)

    def stop(self) -> None:
        """Tick no more."""
        if self._greenlet is not None:
            self._greenlet.kill(block=False)

    def take(self) -> list[LoopSecond]:
        """The seconds that are over."""
        taken, self._seconds = self._seconds, []
        return taken

    def _tick(self) -> None:
        while True:
            begin_s, cpu_s = perf_counter(), process_time()
            at, lags_ms = CLOCK.now_s(), []
            due_s = begin_s
            while due_s < begin_s + 1:
                due_s = max(due_s, perf_counter()) + TICK_S
                gevent.sleep(TICK_S)
                lags_ms.append(max(0.0, perf_counter() - due_s) * 1000)
            lasted_s = perf_counter() - begin_s
            share = (process_time() - cpu_s) / lasted_s
            # A process that was frozen has one tick that lasts many seconds.
            seconds = max(1, round(lasted_s))
            lag_ms = p99(lags_ms) if seconds == 1 else max(lags_ms)
            own_s = own_wait_s(lags_ms, share, lasted_s) / seconds
            self._seconds += [LoopSecond(int(at) + n, lag_ms, share, own_s) for n in range(seconds)]


def p99(lags_ms: list[float]) -> float:
    """By nearest rank, of at least one value: of a hundred, all but the largest are not beyond."""
    ascending = sorted(lags_ms)
    return ascending[max(0, -(-len(ascending) * 99 // 100) - 1)]


def own_wait_s(lags_ms: list[float], cpu_share: float, lasted_s: float) -> float:
    """How long a process can have kept events waiting, at most, in ``lasted_s`` seconds.

    All of it where its core was taken. Else the time that it worked and the time that it was held
    up. A pause of less than a tick is seen only where a tick ends in it: so one that is seen counts
    with the whole tick before it, which makes up, on average, for those that are not.
    """
    if cpu_share > MOST_SHARE:
        return lasted_s
    held_s = sum(lag_ms / 1000 + TICK_S for lag_ms in lags_ms if lag_ms > SEEN_LAG_S * 1000)
    return min(lasted_s, cpu_share * lasted_s + held_s)
