"""How often workers hand over: a master of many is told of as much, and not as often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcstress.cluster.messages import delta_every_s, is_delta_due

WORKERS = st.integers(min_value=1, max_value=5000)


@pytest.mark.parametrize(("workers", "seconds"), [(1, 1), (50, 1), (100, 2), (500, 10), (5000, 10)])
def test_by_the_second_up_to_fifty_workers_and_then_less_often(workers, seconds):
    assert delta_every_s(workers) == seconds


@given(WORKERS)
def test_up_to_500_workers_a_master_takes_at_most_fifty_a_second(workers):
    assert workers / delta_every_s(workers) <= max(50, workers / 10) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("passed_s", "events", "each_s", "due"),
    [
        (0.9, 2999, 1.0, False),
        (1.0, 0, 1.0, True),
        (0.1, 3000, 1.0, True),
        (1.4, 4499, 1.5, False),
        (0.1, 4500, 1.5, True),
        (9.9, 5999, 10.0, False),
        (0.1, 6000, 10.0, True),
    ],
)
def test_time_or_events_whichever_comes_first(passed_s, events, each_s, due):
    assert is_delta_due(passed_s, events, each_s) is due
