"""Whether a process keeps up, second by second, by its own timer and its share of a core."""

from __future__ import annotations

from time import perf_counter

import gevent
import numpy as np
import pytest
from gevent.monkey import get_original
from tcp.until import until

from mcstress.process.loop_lag import (
    MOST_LAG_MS,
    MOST_SHARE,
    TICK_S,
    LoopLag,
    LoopSecond,
    own_wait_s,
    p99,
)
from mcstress.services.steady_clock import CLOCK


@pytest.mark.parametrize("count", [1, 2, 50, 99, 100, 101, 250])
def test_the_percentile_is_numpys_by_nearest_rank(count):
    lags = list(np.random.default_rng(count).exponential(2.0, count))
    assert p99(lags) == np.percentile(lags, 99, method="inverted_cdf")


def test_a_second_beyond_either_limit_is_saturated():
    sound = LoopSecond(0, MOST_LAG_MS, MOST_SHARE)
    assert not sound.saturated
    assert LoopSecond(0, MOST_LAG_MS + 0.1, 0.0).saturated
    assert LoopSecond(0, 0.0, MOST_SHARE + 0.01).saturated


def test_a_loop_that_is_held_up_is_seen_in_its_second_and_each_is_told_once():
    lag, seconds = LoopLag(), []
    lag.start()
    lag.start()
    gevent.sleep(0)
    begun_s = CLOCK.now_s()
    busy_until = perf_counter() + 1.2
    while perf_counter() < busy_until:
        pass
    until(lambda: seconds.extend(lag.take()) or seconds, 30)
    lag.stop()
    second = seconds[0]
    assert all(one.saturated for one in seconds)
    assert second.lag_p99_ms > 1000
    assert abs(second.time - begun_s) < 2
    assert 0 < second.cpu_share < 1.1
    assert lag.take() == []


def test_each_second_counts_in_which_a_process_was_frozen():
    frozen_s, lag, seconds = 2.6, LoopLag(), []
    lag.start()
    gevent.sleep(0.3)
    get_original("time", "sleep")(frozen_s)
    until(lambda: seconds.extend(lag.take()) or seconds, 30)
    lag.stop()
    assert len(seconds) >= round(frozen_s)
    assert all(second.saturated for second in seconds)
    assert seconds[0].lag_p99_ms > 1000 * frozen_s / 2
    times = [second.time for second in seconds]
    assert times == [*range(times[0], times[0] + len(times))]


def test_a_pause_is_told_once_with_its_begin_and_length_whoever_asks_first():
    lag = LoopLag()
    lag.start()
    gevent.sleep(0.05)
    told = []
    for ticks_first in (True, False):
        begun_s = CLOCK.now_s()
        get_original("time", "sleep")(0.5)
        if ticks_first:
            gevent.sleep(0.05)
        told.append((begun_s, lag.take_pauses()))
        gevent.sleep(0.05)
        assert lag.take_pauses() == []
    begun_s = CLOCK.now_s()
    get_original("time", "sleep")(0.5)
    lag.stop()
    told.append((begun_s, lag.take_pauses()))
    for began_s, pauses in told:
        (pause,) = pauses
        assert began_s - 3 * TICK_S < pause.begin <= began_s
        assert pause.seconds >= 0.5
        assert pause.begin + pause.seconds >= began_s + 0.5
    get_original("time", "sleep")(0.3)
    assert lag.take_pauses() == [], "it does not look any more"


@pytest.mark.parametrize(
    ("lags_ms", "cpu_share", "lasted_s", "own_s"),
    [
        ([0.4] * 95, 0.25, 1.0, 0.25),  # it worked, and no tick was late
        ([0.4] * 95 + [6.0, 40.0], 0.25, 1.0, 0.25 + 0.016 + 0.05),
        ([0.4] * 95, MOST_SHARE + 0.01, 1.1, 1.1),  # its core was taken
        ([5000.0], 0.0, 5.01, 5.01),  # frozen: no more than there was
    ],
)
def test_what_can_be_a_process_own_is_its_work_and_what_held_it_up(
    lags_ms, cpu_share, lasted_s, own_s
):
    assert own_wait_s(lags_ms, cpu_share, lasted_s) == pytest.approx(own_s)


@pytest.mark.parametrize("pause_s", [0.004, 0.025])
def test_pauses_are_not_told_as_less_than_they_were_even_those_shorter_than_a_tick(pause_s):
    """Pauses begin anywhere between two ticks; ``paused_s`` counts only the pauses."""
    lag, seconds, waits = LoopLag(), [], np.random.default_rng(7)
    original_sleep = get_original("time", "sleep")
    paused_s = 0.0
    lag.start()
    while len(seconds) < 3:
        gevent.sleep(waits.uniform(0, 2 * pause_s + 0.02))
        begun_s = perf_counter()
        original_sleep(pause_s)
        paused_s += perf_counter() - begun_s
        seconds += lag.take()
    lag.stop()
    own_s = sum(second.own_wait_s for second in seconds)
    assert own_s >= 0.8 * paused_s
    assert own_s < 2 * len(seconds)
