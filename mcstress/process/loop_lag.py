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

from mcstress.metrics.availability import Pause
from mcstress.services.steady_clock import CLOCK

TICK_S = 0.01
MOST_LAG_MS = 5.0
MOST_SHARE = 0.9
"""Of a core: beyond it, or beyond that lag in one tick of a hundred, a second is saturated."""
SHORTEST_PAUSE_S = 0.2
"""A tick that is so late ends a pause: two slots of availability (metrics/availability.py)."""
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
    """Ticks every 10 ms; takes 0.1 % of a core.

    ``take`` and ``take_pauses`` give the seconds and the pauses since they were asked.
    """

    def __init__(self) -> None:
        self._seconds: list[LoopSecond] = []
        self._pauses: list[Pause] = []
        self._due_s = inf
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def start(self) -> None:
        """Tick from now on; twice is once."""
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._tick)

    def stop(self) -> None:
        """Tick no more."""
        self._note_pause(perf_counter())
        self._due_s = inf
        if self._greenlet is not None:
            self._greenlet.kill(block=False)

    def take(self) -> list[LoopSecond]:
        """The seconds that are over."""
        taken, self._seconds = self._seconds, []
        return taken

    def take_pauses(self) -> list[Pause]:
        """When the process stood still; of one that has just ended, no tick needs to have told."""
        self._note_pause(perf_counter())
        taken, self._pauses = self._pauses, []
        return taken

    def _note_pause(self, now_s: float) -> None:
        late_s = now_s - self._due_s
        if late_s >= SHORTEST_PAUSE_S:
            began_s = CLOCK.now_s() - late_s - TICK_S
            self._pauses.append(Pause(began_s, late_s + TICK_S))
            self._due_s = now_s

    def _tick(self) -> None:
        while True:
            begin_s, cpu_s = perf_counter(), process_time()
            at, lags_ms = CLOCK.now_s(), []
            due_s = begin_s
            while due_s < begin_s + 1:
                self._due_s = due_s = max(due_s, perf_counter()) + TICK_S
                gevent.sleep(TICK_S)
                now_s = perf_counter()
                lags_ms.append(max(0.0, now_s - due_s) * 1000)
                self._note_pause(now_s)
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
