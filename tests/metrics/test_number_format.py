"""Numbers as they are shown: whatever a reader takes them for, it is on the right side."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcstress.evidence.report.formatting import per_second
from mcstress.metrics.number_format import (
    a_second,
    beyond,
    figure,
    milliseconds,
    percent,
    shown,
    shown_hour,
)

ENDS = (0.0, 1.0)


def claimed(text: str):
    """What the text says of a value: a test of the values that it can stand for."""
    plain = text.replace("\u2212", "-").replace(",", "")
    for sign, holds in (("< ", lambda x, end: x < end), ("> ", lambda x, end: x > end)):
        if plain.startswith(sign):
            end = float(plain.removeprefix(sign))
            return lambda value: holds(value, end)
    return lambda value: value == pytest.approx(float(plain), abs=6e-4, rel=1e-9)


def side(value, limit):
    return (value > limit) - (value < limit)


near = st.sampled_from([0.0, 1.0, 0.95, 0.3, 0.5]).flatmap(
    lambda limit: st.floats(-1e-4, 1e-4).map(lambda off: limit + off)
)
VALUES = near | st.floats(-1, 1) | st.floats(0, 1e5)


@given(VALUES, st.sampled_from([0.95, 0.3, 0.5, 0.0, 1.0, 0.12345]))
@example(1.311e-05, 0.0)
@example(0.94996, 0.95)
@example(8399 / 8400, 1.0)
@example(2.5e-5, 3e-5)
def test_nothing_is_rounded_across_an_end_or_a_limit(value, limit):
    text = shown(value, limits=(limit,))
    assert claimed(text)(value), text
    plain = text.replace("\u2212", "-").replace(",", "")
    if plain[0] in "<>":
        end = float(plain[2:])
        # What is said of the value leaves no doubt on which side of the limit it is.
        assert not (0 < limit < end and plain[0] == "<" and value > 0)
        assert not (end < limit < 1 and plain[0] == ">" and 0 < value < 1)
        return
    for end in (*ENDS, limit):
        assert side(float(plain), end) == side(value, end), (text, end)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.000"), (1, "1.000"), (0.00001311, "< 0.001"), (8398 / 8400, "> 0.999"), (0.5, "0.500"),
     (-0.00001, "> \u22120.001"), (-0.25, "\u22120.250"), (1234.5, "1,234.500")],
)  # fmt: skip
def test_scores(value, text):
    assert shown(value) == text


def test_differences_have_signs_and_ends_of_their_own():
    assert shown(2799 / 2800, sign=True) == "> +0.999"
    assert shown(-2799 / 2800, sign=True) == "> \u22121.000"
    assert shown(0.0, sign=True) == "+0.000"


def test_counts_are_whole_and_latencies_have_their_digits():
    assert figure(16_411, "count") == "16,411"
    assert (milliseconds(1234), milliseconds(12.34), milliseconds(0.0001)) == (
        "1,234", "12.3", "< 0.001",
    )  # fmt: skip
    assert [percent(value) for value in (0, 1, 1.311e-5, 0.99999, 0.07)] == [
        "0.00 %", "100.00 %", "< 0.01 %", "> 99.99 %", "7.00 %",
    ]  # fmt: skip


def test_one_is_no_end_of_a_time_or_a_pace():
    """Beside other latencies "> 1.00" would say that it is not known."""
    assert [milliseconds(value) for value in (1.003, 0.9999, 0.99996)] == ["1.00", "1.000", "1.000"]
    assert [figure(1.0004, unit) for unit in ("ms", "s", "a second")] == ["1.00", "1.000", "1.000"]
    assert (per_second(1.04), per_second(0.01)) == ("1.0", "< 0.1")
    assert milliseconds(1.003, limits=(1.0,)) == "1.003", "but a threshold is one"
    assert figure(1.0004, "share, 0 to 1") == "> 1.000"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (14.93, "14.9"), (999.4, "999"), (999.6, "1,000"), (3000, "3,000")],
)
def test_a_rate_is_never_written_as_a_power_of_ten(value, text):
    assert a_second(value) == text


@pytest.mark.parametrize(
    ("at_least_ms", "text"), [(340.0, "> 340 ms"), (999.0, "> 999 ms"), (1000.0, "> 1 s"),
                              (10_000.0, "> 10 s"), (12_345.0, "> 12.3 s")]
)  # fmt: skip
def test_a_latency_that_never_ended_is_more_than_was_seen(at_least_ms, text):
    assert beyond(at_least_ms) == text


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0.0, "day 1, 00:00"),
        (23.99, "day 1, 23:59"),
        (24.0, "day 2, 00:00"),
        (33.2, "day 2, 09:12"),  # 33.2 * 60 is a little under 1992
        (47.5, "day 2, 23:30"),
    ],
)
def test_an_hour_of_the_clock_has_its_day(hours, text):
    assert shown_hour(hours) == text
