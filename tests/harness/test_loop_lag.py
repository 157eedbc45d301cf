"""A process's own timer says when it does not keep up, and for how long."""

from __future__ import annotations

from time import perf_counter

import gevent
import pytest
from gevent.monkey import get_original

from mcstress.process.loop_lag import LoopLag, p99

FROZEN_S = 2.6


@pytest.fixture
def lag():
    its = LoopLag()
    its.start()
    yield its
    its.stop()


def seconds(lag):
    found = []
    with gevent.Timeout(20):
        while not found:
            gevent.sleep(0.01)
            found = lag.take()
    return found


def test_a_process_that_computes_all_the_time_is_saturated(lag):
    """As one that is offered more than its core can do: answers are read late."""

    def compute():
        while True:
            end_s = perf_counter() + 0.02
            while perf_counter() < end_s:
                pass
            gevent.sleep(0)

    greenlet = gevent.spawn(compute)
    found = seconds(lag)
    greenlet.kill()
    assert all(second.saturated for second in found)
    assert found[0].lag_p99_ms > 5


def test_each_second_counts_in_which_a_process_was_frozen(lag):
    gevent.sleep(0.3)
    get_original("time", "sleep")(FROZEN_S)
    found = seconds(lag)
    assert len(found) >= round(FROZEN_S)
    assert all(second.saturated for second in found)
    assert found[0].lag_p99_ms > 1000 * FROZEN_S / 2
    times = [second.time for second in found]
    assert times == [*range(times[0], times[0] + len(times))]


@pytest.mark.parametrize(("number", "rank"), [(1, 1), (50, 50), (100, 99), (101, 100), (200, 198)])
def test_the_99th_percentile_is_by_nearest_rank(number, rank):
    assert p99([float(n) for n in range(number, 0, -1)]) == rank
