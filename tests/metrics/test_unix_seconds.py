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
