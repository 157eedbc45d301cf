"""Whether this process itself keeps up: a timer's lateness and the share of a core, by second.

A process that is starved reads answers late, so that its users look busy: what they wait for says
nothing then. The timer waits for nobody.
"""

from __future__ import annotations

from time import perf_counter, process_time

import gevent
import msgspec

from mcstress.services.clock import CLOCK

TICK_S = 0.01
MOST_LAG_MS = 5.0
MOST_SHARE = 0.9
"""Of a core: beyond it, or beyond that lag in one tick of a hundred, a second is saturated."""


class LoopSecond(msgspec.Struct, frozen=True):
    """One second of a process: its begin (Unix), the lag's 99th percentile, its share of a core."""

    time: int
    lag_p99_ms: float
    cpu_share: float

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
            self._seconds += [LoopSecond(int(at) + n, lag_ms, share) for n in range(seconds)]


def p99(lags_ms: list[float]) -> float:
    """By nearest rank, of at least one value: of a hundred, all but the largest are not beyond."""
    ascending = sorted(lags_ms)
    return ascending[max(0, -(-len(ascending) * 99 // 100) - 1)]
