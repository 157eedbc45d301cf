"""A second's bucket: times of many steps at once are those of each, to the bit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from mcstress.metrics.availability import Availability
from mcstress.metrics.band import Band
from mcstress.metrics.metric import Faults
from mcstress.metrics.second_bucket import SecondBucket
from mcstress.metrics.worst_events import Examples, WorstReissues

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-5, minutes=-30))])
EARLIEST = datetime(1990, 1, 1)  # noqa: DTZ001  (hypothesis wants it so, and adds the zones)
TIMES = st.datetimes(EARLIEST, EARLIEST.replace(year=2200), timezones=ZONES)


@given(second=st.integers(1_500_000_000, 2_000_000_000), times=st.lists(TIMES))
def test_times_at_once_are_the_timestamps_of_each(second, times):
    bucket = SecondBucket(
        second, 1, Band(), faults=Faults(), worst=WorstReissues(), examples=Examples(),
        availability=Availability(), say=None,
    )  # fmt: skip
    assert bucket._unix_s(times).tolist() == [time.timestamp() for time in times]
