"""Times as numbers: what is read in one go is what each says by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcstress.metrics.second_bucket import unix_seconds

ANY = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001  (made aware by the strategy)
    max_value=datetime(2255, 1, 1),  # noqa: DTZ001  (likewise; microseconds are 2**53 soon after)
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7, minutes=30))]),
)
FRACTIONS = st.builds(
    lambda second, us: datetime.fromtimestamp(second, UTC) + timedelta(microseconds=us),
    st.integers(0, 2**33),
    st.integers(1, 999_999),
)


@given(st.lists(ANY | FRACTIONS))
def test_any_times_are_what_timestamp_says(times):
    assert unix_seconds(times).tolist() == [time.timestamp() for time in times]


@pytest.mark.parametrize("count", [1, 15, 16, 300, 65_535, 65_536])
@settings(max_examples=3)
@given(times=st.lists(FRACTIONS, min_size=1, max_size=5))
def test_lists_of_any_length_are_read_from_their_first_number_on(count, times):
    many = (times * count)[:count]
    assert unix_seconds(many).tolist() == [time.timestamp() for time in many]


def test_times_that_are_as_long_together_as_so_many_others_are_read_one_by_one():
    """Six bytes for each of five whole seconds, fifteen for each of four before 1970."""
    whole = [datetime(2026, 3, 2, 9, 0, second, tzinfo=UTC) for second in range(5)]
    times = [*whole, *(datetime(1960, 1, 1, 0, 0, 1, 5, tzinfo=UTC) for _ in range(4))]
    assert unix_seconds(times).tolist() == [time.timestamp() for time in times]
